import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, readlink, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { dockerEngine } from "../../engine/docker/driver.ts";
import { NovaError } from "../../model/errors.ts";
import { privateDockerPaths, type Environment } from "../state.ts";
import { descendants, type HostProcess, listProcesses, readProcess, signal } from "../machine/processes.ts";
import { lastLines, runProgram, withSystemPath } from "../machine/program.ts";

type Paths = ReturnType<typeof privateDockerPaths>;

const READY_MS = 60_000;
const STOP_MS = 25_000;
// A Unix socket's path ends at 107 bytes; containerd puts its longest one below the exec root.
const SOCKET_LIMIT = 107;

/**
 * The daemon's command line; pure. `isolated` gives it a network of its own, away from another daemon's bridge and packet
 * filter: `--bridge none` would not do, as that deletes the other one's `docker0`.
 */
export function dockerdArguments(dockerd: string, paths: Paths, isolated: boolean): string[] {
  return [
    ...(isolated ? ["unshare", "--net", "--"] : []),
    dockerd,
    "--host",
    `unix://${paths.socket}`,
    "--data-root",
    paths.data,
    "--exec-root",
    paths.exec,
    "--pidfile",
    paths.pidFile,
    // Only matters where a system containerd runs, which dockerd would then share: names apart from the system daemon's.
    "--containerd-namespace",
    "novabot",
    "--containerd-plugins-namespace",
    "novabot-plugins",
  ];
}

function isDaemon(found: HostProcess, paths: Paths): boolean {
  return basename(found.argv[0] ?? "") === "dockerd" && found.argv[found.argv.indexOf("--data-root") + 1] === paths.data;
}

/** What belongs to the daemon's exec root: its containerd, and the shims that hold its containers. */
function isHelper(found: HostProcess, paths: Paths): boolean {
  const name = basename(found.argv[0] ?? "");
  if (name === "containerd") return found.argv.includes(join(paths.exec, "containerd/containerd.toml"));
  return name.startsWith("containerd-shim") && found.argv.includes(join(paths.exec, "containerd/containerd.sock"));
}

async function findDaemon(paths: Paths): Promise<HostProcess | undefined> {
  const pid = Number(await readFile(paths.pidFile, "utf8").catch(() => ""));
  const named = Number.isSafeInteger(pid) && pid > 0 ? await readProcess(pid) : undefined;
  if (named && isDaemon(named, paths)) return named;
  return (await listProcesses()).find((found) => isDaemon(found, paths));
}

/** Whether the private daemon's process lives. */
export async function isPrivateEngineRunning(env: Environment): Promise<boolean> {
  return (await findDaemon(privateDockerPaths(env))) !== undefined;
}

/** Ends containers, shims and containerd that a daemon which was killed has left, so that the next one can start. */
async function endHelpers(paths: Paths): Promise<void> {
  const all = await listProcesses();
  const helpers = all.filter((found) => isHelper(found, paths));
  const shims = helpers.filter(({ argv }) => basename(argv[0] ?? "").startsWith("containerd-shim"));
  // Containers first: without their shim they would live on as nobody's.
  for (const { pid } of [...descendants(all, shims), ...helpers]) signal(pid, "SIGKILL");
  await Promise.all(helpers.map(({ pid }) => gone(pid, 5000)));
  await rm(join(paths.exec, "containerd/containerd.pid"), { force: true });
}

async function gone(pid: number, timeoutMs: number): Promise<boolean> {
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(50)) {
    if ((await readProcess(pid)) === undefined) return true;
  }
  return false;
}

/** Undoes what a daemon has mounted below `directory`. Rejects with `SETUP_FAILED` where there is something and no `umount`. */
async function unmountBelow(directory: string): Promise<void> {
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const targets = table.split("\n").map((line) => (line.split(" ")[4] ?? "").replace(/\\040/g, " "));
  for (const target of targets.filter((path) => path.startsWith(`${directory}/`)).reverse()) {
    const { missing } = await runProgram(["umount", "-l", target], { cwd: "/", env: withSystemPath(process.env) });
    if (missing) {
      throw new NovaError("SETUP_FAILED", `${target} is mounted, and there is no program umount to undo that.`, {
        place: target,
        next: "Install it (on Debian: apt-get install mount) and run `novabot setup --stop`.",
      });
    }
  }
}

/**
 * Ends the private daemon, its containers, its containerd and its mounts; images and other data stay. No daemon is no error.
 * Gives whether there was one.
 */
export async function stopPrivateEngine(env: Environment): Promise<boolean> {
  const paths = privateDockerPaths(env);
  const daemon = await findDaemon(paths);
  if (daemon) {
    signal(daemon.pid, "SIGTERM");
    if (!(await gone(daemon.pid, STOP_MS))) {
      signal(daemon.pid, "SIGKILL");
      await gone(daemon.pid, 5000);
    }
  }
  if (!existsSync(paths.directory)) return false;
  await endHelpers(paths);
  await unmountBelow(paths.directory);
  for (const file of [paths.pidFile, paths.socket]) await rm(file, { force: true });
  return daemon !== undefined;
}

async function answers(socket: string): Promise<boolean> {
  return await dockerEngine({ socket })
    .probe()
    .then(() => true)
    .catch(() => false);
}

/** The reasons in a daemon's log, without its chatter. */
export function fatalLines(log: string): string {
  const lines = log.split("\n").filter((line) => /level=(fatal|error)|^(failed|unable|panic|Error)/i.test(line));
  return lastLines((lines.length > 0 ? lines : log.split("\n")).join("\n"), 6);
}

/**
 * Starts the private daemon and resolves with its socket when it answers. One that runs already is left as it is.
 * Rejects with `SETUP_FAILED` and the daemon's own last words when it does not come up.
 */
export async function startPrivateEngine(env: Environment, dockerd: string, say: (line: string) => void): Promise<string> {
  const paths = privateDockerPaths(env);
  if (Buffer.byteLength(join(paths.exec, "containerd/containerd.sock.ttrpc")) > SOCKET_LIMIT) {
    throw new NovaError("SETUP_REFUSED", `The path ${paths.exec} is too long for the sockets below it.`, {
      place: "NOVABOT_STATE_DIR",
      next: "Set NOVABOT_STATE_DIR to a directory with a shorter path.",
    });
  }
  let daemon = await findDaemon(paths);
  if (daemon === undefined) {
    const other = await findNeighbour();
    if (other)
      say(
        `Another Docker daemon (pid ${other.pid}) has this machine's bridge: the private one's containers reach only each other, ` +
          "and the ports that modules publish cannot be reached from this machine. For modules, use that daemon (DOCKER_HOST).",
      );
    await endHelpers(paths);
    await unmountBelow(paths.directory);
    for (const file of [paths.pidFile, paths.socket]) await rm(file, { force: true });
    await mkdir(paths.directory, { recursive: true, mode: 0o711 });
    daemon = await spawnDaemon(dockerdArguments(dockerd, paths, other !== undefined), paths, env);
  }
  for (const end = performance.now() + READY_MS; performance.now() < end; await delay(100)) {
    if (await answers(paths.socket)) return paths.socket;
    if ((await readProcess(daemon.pid)) === undefined) break;
  }
  const log = await readFile(paths.log, "utf8").catch(() => "");
  await stopPrivateEngine(env);
  throw new NovaError("SETUP_FAILED", `The private Docker daemon did not come up.\n${fatalLines(log)}`, {
    place: paths.log,
    next: "Read the log, mend what it names and run `novabot setup` again, or start an engine of your own.",
  });
}

/** Another Docker daemon that uses this process's network. */
async function findNeighbour(): Promise<HostProcess | undefined> {
  const network = async (pid: number | "self"): Promise<string> => await readlink(`/proc/${pid}/ns/net`).catch(() => "");
  const own = await network("self");
  for (const found of await listProcesses()) {
    if (basename(found.argv[0] ?? "") === "dockerd" && (await network(found.pid)) === own) return found;
  }
  return undefined;
}

async function spawnDaemon(argv: readonly string[], paths: Paths, env: Environment): Promise<HostProcess> {
  const log = await open(paths.log, "w", 0o640);
  try {
    const child = spawn(argv[0] ?? "", argv.slice(1), {
      cwd: "/",
      // Its own session: neither Ctrl-C nor the end of this process reaches it.
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env: withSystemPath(env),
    });
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    return { pid: child.pid ?? 0, parent: process.pid, argv };
  } finally {
    await log.close();
  }
}
