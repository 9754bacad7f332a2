import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageRoot } from "../../src/host/package-root.ts";
import { logFileFilled, removeLog } from "./log-file.ts";
import type { Subject } from "./subject.ts";

const VERSION = "7.0.4";
const run = promisify(execFile);

/** pm2 from the npm registry, brought once and kept below `.cache`; its install scripts do not run. */
async function bringPm2(): Promise<string> {
  const directory = join(packageRoot(), ".cache", `pm2-${VERSION}`);
  const program = join(directory, "node_modules/pm2/bin/pm2");
  if (existsSync(program)) return program;
  mkdirSync(directory, { recursive: true });
  await run("npm", ["install", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund", `pm2@${VERSION}`]);
  return program;
}

/** pm2's daemon, with a home of its own. */
export async function startPm2(directory: string): Promise<Subject> {
  const program = await bringPm2();
  const home = join(directory, "pm2");
  mkdirSync(home);
  const env = { PATH: process.env["PATH"], HOME: home, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: "true" };
  const pm2 = async (...args: string[]): Promise<void> => void (await run(process.execPath, [program, ...args], { env }));
  const log = (id: string): string => join(home, `${id}.log`);
  await pm2("ping");
  return {
    name: `pm2 ${VERSION}`,
    pid: Number(readFileSync(join(home, "pm2.pid"), "utf8")),
    async start(id, argv, restarts) {
      const file = join(home, `${id}.json`);
      const [script, ...args] = argv;
      const app = {
        name: id,
        script,
        args,
        interpreter: "none",
        autorestart: restarts,
        max_restarts: 1_000_000,
        out_file: log(id),
        error_file: join(home, `${id}.error.log`),
        merge_logs: true,
        vizion: false,
        pmx: false,
      };
      writeFileSync(file, JSON.stringify({ apps: [app] }));
      await pm2("start", file);
    },
    captured: async (id, bytes) => await logFileFilled(log(id), bytes),
    async remove(id) {
      await pm2("delete", id);
      removeLog(log(id));
    },
    async close() {
      await pm2("kill");
    },
  };
}
