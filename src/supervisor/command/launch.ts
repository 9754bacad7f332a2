import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, constants, existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { hasCode, messageOf, NovaError } from "../../model/errors.ts";
import { type Connection, openConnection } from "./connection.ts";
import type { Environment, Places } from "./places.ts";

const START_MS = 20_000;
const POLL_MS = 25;
/** A log of earlier starts that is longer is begun anew. */
const LOG_BYTES = 1_048_576;
const WORDS_BYTES = 4096;

/** What only the shell says, and no process of the container's own. */
const shellVariables: readonly string[] = ["_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "TERM", "COLORTERM", "PS1"];

/**
 * Node's own options for a supervisor: a fifth less memory at the height of a flood, at the same speed, and no signal that opens a debugger. The image's
 * start script says the same.
 */
export const supervisorNodeOptions: readonly string[] = ["--optimize-for-size", "--v8-pool-size=1", "--disable-sigusr1"];

/** The program of a supervisor: Node and the bundle beside this command. */
export interface SupervisorProgram {
  readonly node: string;
  readonly bundle: string;
}

/** The supervisor of this container; a new one, in a session of its own, where none runs. Rejects with SUPERVISOR_FAILED and its own words. */
export async function connectOrLaunch(
  places: Places,
  env: Environment,
  program: () => Promise<SupervisorProgram> = () => findProgram(env),
): Promise<Connection> {
  try {
    return await openConnection(places.socketPath);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return await launch(places, env, await program());
}

/** Nobody listens there; a supervisor of somebody else's is another matter. */
export function isAbsent(error: unknown): boolean {
  return error instanceof NovaError && error.code === "SUPERVISOR_NOT_RUNNING" && hasCode(error.cause, "ENOENT", "ECONNREFUSED");
}

async function launch(places: Places, env: Environment, { node, bundle }: SupervisorProgram): Promise<Connection> {
  const log = openLog(places.logPath);
  const from = fstatSync(log).size;
  const child = spawn(node, [...supervisorNodeOptions, bundle], {
    cwd: "/",
    env: environmentOf(env),
    detached: true,
    stdio: ["ignore", log, log],
  });
  const ended = watchEnd(child);
  try {
    const deadline = performance.now() + START_MS;
    for (;;) {
      try {
        const { connection, pid } = await answering(places.socketPath);
        // Somebody else's was quicker. Ours would take that one's place if it ended before ours has seen it.
        if (pid !== child.pid) await endChild(child);
        child.unref();
        return connection;
      } catch (error) {
        if (!isAbsent(error) && !(error instanceof NovaError && error.code === "LINK_LOST")) throw error;
      }
      const end = ended();
      const words = end === null ? "" : wordsOf(log, from);
      // Somebody else started one at the same moment: that one is as good.
      const beaten = /runs already in this container/.test(words);
      if (end !== null && !beaten) throw failed(places, `${end}${words === "" ? "" : `:\n${words}`}`);
      if (performance.now() > deadline)
        throw failed(places, `it did not answer on ${places.socketPath} within ${START_MS / 1000} s.\n${wordsOf(log, from)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    closeSync(log);
  }
}

/** A connection over which the supervisor has answered, and its process id. */
async function answering(socketPath: string): Promise<{ readonly connection: Connection; readonly pid: number }> {
  const connection = await openConnection(socketPath);
  try {
    const { pid } = await connection.call("supervisor.info", {});
    return { connection, pid };
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

function environmentOf(env: Environment): Record<string, string | undefined> {
  const { NODE_OPTIONS: options, ...rest } = Object.fromEntries(
    Object.entries(env).filter(([name]) => !shellVariables.includes(name)),
  );
  // It may load a program's own code into every Node, or know options that another Node does not.
  return options === undefined ? rest : { ...rest, NOVABOT_WORKER_NODE_OPTIONS: options };
}

/** Null while it lives, then a sentence. */
function watchEnd(child: ChildProcess): () => string | null {
  let end: string | null = null;
  child.once("error", (error) => (end = `it cannot be started (${messageOf(error)})`));
  child.once("exit", (code, signal) => (end = signal === null ? `it ended with status ${code}` : `it was ended by ${signal}`));
  return () => end;
}

function openLog(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // What the instances write lies beside it, so no link may lead it elsewhere.
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
    const log = openSync(path, flags, 0o600);
    if (fstatSync(log).size > LOG_BYTES) ftruncateSync(log, 0);
    return log;
  } catch (error) {
    throw new NovaError("SUPERVISOR_FAILED", `The supervisor's log cannot be written: ${messageOf(error)}.`, {
      place: path,
      next: "Set NOVABOT_DATA to a directory that this user may write to.",
      cause: error,
    });
  }
}

function wordsOf(log: number, from: number): string {
  const { size } = fstatSync(log);
  const begin = Math.max(Math.min(from, size), size - WORDS_BYTES);
  const buffer = Buffer.alloc(size - begin);
  return buffer.toString("utf8", 0, readSync(log, buffer, 0, buffer.length, begin)).trim();
}

function failed(places: Places, why: string): NovaError {
  return new NovaError("SUPERVISOR_FAILED", `The supervisor did not start: ${why}`, { place: places.logPath });
}

/** The Node that came with the supervisor, else the first that is new enough: older ones lose the end of a terminal's output. */
async function findProgram(env: Environment, directory: string = import.meta.dirname): Promise<SupervisorProgram> {
  const bundle = join(directory, "supervisor.mjs");
  if (!existsSync(bundle)) {
    throw new NovaError("SUPERVISOR_FAILED", "The supervisor's program is not beside this command.", {
      place: bundle,
      next: "Build the worker's image anew (`novabot image build worker`).",
    });
  }
  const onPath = (env["PATH"] ?? "").split(delimiter).map((path) => join(path, "node"));
  const tried: string[] = [];
  for (const node of [join(directory, "bin/node"), process.execPath, ...onPath]) {
    if (tried.some((line) => line.startsWith(`${node}: `)) || !existsSync(node)) continue;
    const why = await whyNot(node);
    if (why === null) return { node, bundle };
    tried.push(`${node}: ${why}`);
  }
  throw new NovaError(
    "SUPERVISOR_FAILED",
    `The supervisor needs Node 24.21 or newer, and there is none. ${tried.length > 0 ? `Tried ${tried.join("; ")}.` : ""}`.trim(),
    { next: "Put such a Node on PATH, or use NovaBot's worker image." },
  );
}

async function whyNot(node: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(node, ["--version"], { timeout: 10_000 });
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(stdout) ?? [];
    if (major === undefined) return "is no Node";
    return Number(major) > 24 || (Number(major) === 24 && Number(minor) >= 21) ? null : stdout.trim();
  } catch (error) {
    return messageOf(error).split("\n")[0] ?? "";
  }
}
