import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { readDistribution } from "../../src/host/machine/distribution.ts";
import { unpackPackages } from "../../src/host/machine/unpacked-packages.ts";
import { packageRoot } from "../../src/host/package-root.ts";
import { logFileFilled, removeLog } from "./log-file.ts";
import type { Subject } from "./subject.ts";

const run = promisify(execFile);
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Debian's supervisor, unpacked once below `.cache`; nothing on the machine is installed. */
async function bringSupervisor(): Promise<{ readonly programs: string; readonly modules: string }> {
  const options = { env: process.env, distribution: await readDistribution(), say: () => undefined };
  const names = ["supervisor", "python3-pkg-resources"];
  const packages = { names, suite: "bookworm", components: ["main"], keyring };
  const root = await unpackPackages(packages, join(packageRoot(), ".cache/supervisor"), options);
  return { programs: join(root, "usr/bin"), modules: join(root, "usr/lib/python3/dist-packages") };
}

/** supervisord with files and a socket of its own. */
export async function startSupervisord(directory: string): Promise<Subject> {
  const { programs, modules } = await bringSupervisor();
  const version = readdirSync(modules)
    .find((name) => /^supervisor-.*\.(?:egg|dist)-info$/.test(name))
    ?.split("-")[1]
    ?.replace(".egg", "");
  const home = join(directory, "supervisord");
  mkdirSync(home);
  const socket = join(home, "s.sock");
  const configuration = join(home, "supervisord.conf");
  const program = (id: string): string => join(home, `${id}.ini`);
  const log = (id: string): string => join(home, `${id}.log`);
  writeFileSync(
    configuration,
    `[supervisord]
logfile=${home}/supervisord.log
pidfile=${home}/supervisord.pid
childlogdir=${home}
nodaemon=true
[unix_http_server]
file=${socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${socket}
[include]
files=${home}/*.ini
`,
  );
  const env = { PATH: process.env["PATH"], PYTHONPATH: modules, PYTHONDONTWRITEBYTECODE: "1" };
  const daemon = spawn("/usr/bin/python3", [join(programs, "supervisord"), "-c", configuration], { env, stdio: "ignore" });
  const ended = once(daemon, "exit");
  const control = async (...args: string[]): Promise<void> =>
    void (await run("/usr/bin/python3", [join(programs, "supervisorctl"), "-c", configuration, ...args], { env }));
  while (!existsSync(socket)) {
    if (daemon.exitCode !== null) throw new Error("supervisord does not start");
    await sleep(20);
  }
  return {
    name: `supervisord ${version ?? ""}`.trim(),
    pid: daemon.pid ?? 0,
    async start(id, argv, restarts) {
      // Its percent signs stand for values of its own.
      const command = argv.map((word) => `'${word.replaceAll("%", "%%")}'`).join(" ");
      const fate = restarts ? "autorestart=true" : "autorestart=false";
      writeFileSync(
        program(id),
        `[program:${id}]\ncommand=${command}\n${fate}\nstartsecs=0\nstartretries=1000000\nstdout_logfile=${log(id)}\nstdout_logfile_maxbytes=0\nstopsignal=KILL\n`,
      );
      await control("update");
    },
    captured: async (id, bytes) => await logFileFilled(log(id), bytes),
    async remove(id) {
      rmSync(program(id));
      await control("update");
      removeLog(log(id));
    },
    async close() {
      daemon.kill("SIGTERM");
      await ended;
    },
  };
}
