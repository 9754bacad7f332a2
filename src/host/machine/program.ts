import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../state.ts";

export interface ProgramResult {
  /** Null when it could not be started or was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** The end of what it wrote to either stream, for error messages. */
  readonly tail: string;
  readonly missing: boolean;
}

export interface ProgramOptions {
  readonly env?: Environment;
  /** Where it runs. Never where the caller happens to be: many programs read their settings there, and agents write there. */
  readonly cwd: string;
  readonly timeoutMs?: number;
  /** Called with each whole line of either stream. */
  readonly onLine?: (line: string) => void;
}

// Administration tools, which a user's PATH often leaves out and without which dpkg refuses to work.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `env` with the directories of administration tools at the end of its PATH. */
export function withSystemPath(env: Environment): Environment & { readonly PATH: string } {
  return { ...env, PATH: env["PATH"] ? `${env["PATH"]}:${systemPath}` : systemPath };
}

/** The path of the program `name` in the absolute directories of PATH, then where administration tools lie. */
export function findProgram(name: string, env: Environment): string | undefined {
  for (const directory of withSystemPath(env).PATH.split(":")) {
    if (!directory.startsWith("/")) continue;
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      // A directory passes for executable, too.
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

const TAIL = 4096;
const STDOUT_LIMIT = 4 * 1024 * 1024;

/** Runs a program of the host to its end, with its standard input closed so that it can never wait for a key. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const [file, ...args] = argv;
  const child = spawn(file ?? "", args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: options.env ?? process.env,
    cwd: options.cwd,
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
  });
  let stdout = "";
  let tail = "";
  const follow = (stream: "stdout" | "stderr"): void => {
    let partial = "";
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      if (stream === "stdout" && stdout.length < STDOUT_LIMIT) stdout += text;
      tail = (tail + text).slice(-TAIL);
      const lines = (partial + text).split(/\r?\n|\r/);
      partial = (lines.pop() ?? "").slice(-TAIL);
      for (const line of lines) options.onLine?.(line);
    });
  };
  follow("stdout");
  follow("stderr");
  return await new Promise((resolve) => {
    let missing = false;
    child.on("error", (error: NodeJS.ErrnoException) => {
      missing = error.code === "ENOENT";
      tail = (tail + error.message).slice(-TAIL);
      if (child.pid === undefined) resolve({ exitCode: null, stdout, tail, missing });
    });
    child.on("close", (exitCode) => resolve({ exitCode, stdout, tail, missing }));
  });
}

/** The last `count` lines of `text` that hold something, indented to stand under a message. */
export function lastLines(text: string, count = 12): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines
    .slice(-count)
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}
