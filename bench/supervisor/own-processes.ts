import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const OWN = "NOVABOT_BENCH_OWN_PROCESSES";

/**
 * Runs this program again in a PID namespace, as a container has one: a supervisor that looks for what its programs left would else look through all that
 * the machine runs. Gives its exit status; null where this is that one already, or where no namespace can be made.
 */
export async function inOwnProcesses(): Promise<number | null> {
  if (process.env[OWN] !== undefined) return null;
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const options = [...user, "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
  if (spawnSync("unshare", [...options, "true"]).status !== 0) return null;
  const child = spawn("unshare", [...options, process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, [OWN]: "1" },
    stdio: "inherit",
  });
  const [status] = (await once(child, "exit")) as [number | null];
  return status ?? 1;
}
