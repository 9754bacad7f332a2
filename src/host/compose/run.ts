import { spawn } from "node:child_process";
import { NovaError } from "../../model/errors.ts";
import { lastLines } from "../machine/program.ts";
import type { Environment } from "../state.ts";
import { composeArguments, type ComposeSelection } from "./command.ts";
import type { ComposeProgram } from "./program.ts";

export interface RunComposeOptions {
  /** Beside the program's own environment: what the project's files ask for. */
  readonly variables: Environment;
  /** Aborting ends Compose, first with SIGINT, as Ctrl-C does. */
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
  /** Takes secret values out of what Compose says. */
  readonly redact?: (text: string) => string;
  readonly timeoutMs?: number;
}

const LONGEST_MS = 30 * 60_000;
const INTERRUPTED_MS = 15_000;
const KEPT = 64 * 1024;
const MOST_OUTPUT = 8 * 1024 * 1024;

/**
 * Runs Compose to its end and gives what it wrote to stdout. Rejects with `COMPOSE_FAILED` and its last lines when it fails, and with the
 * signal's reason when it was aborted.
 */
export async function runCompose(
  program: ComposeProgram,
  selection: ComposeSelection,
  command: readonly string[],
  options: RunComposeOptions,
): Promise<string> {
  const { signal, redact = (text: string) => text } = options;
  signal?.throwIfAborted();
  const [file = "", ...args] = composeArguments(program, selection, command);
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: selection.directory,
    env: { ...program.env, ...options.variables },
    // A process group of its own: Ctrl-C on the terminal reaches NovaBot alone, which then decides what becomes of Compose.
    detached: true,
  });
  const kill = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended already.
    }
  };
  let late: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    kill("SIGINT");
    late ??= setTimeout(() => kill("SIGKILL"), INTERRUPTED_MS);
  };
  const timer = setTimeout(interrupt, options.timeoutMs ?? LONGEST_MS);
  signal?.addEventListener("abort", interrupt, { once: true });
  let stdout = "";
  let tail = "";
  for (const name of ["stdout", "stderr"] as const) {
    let partial = "";
    child[name].setEncoding("utf8").on("data", (text: string) => {
      if (name === "stdout" && stdout.length < MOST_OUTPUT) stdout += text;
      tail = (tail + text).slice(-KEPT);
      const lines = (partial + text).split(/\r?\n|\r/);
      partial = (lines.pop() ?? "").slice(-KEPT);
      for (const line of lines) if (line.trim() !== "") options.onLine?.(redact(line));
    });
    // A last line without an end.
    child[name].on("end", () => partial.trim() !== "" && options.onLine?.(redact(partial)));
  }
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    signal?.throwIfAborted();
    if (exitCode === 0) return stdout;
    throw failed(program, command, `exit status ${exitCode ?? "of a signal"}`, redact(tail));
  } catch (thrown) {
    if (signal?.aborted === true || thrown instanceof NovaError) throw thrown;
    throw failed(program, command, String(thrown), "");
  } finally {
    clearTimeout(timer);
    clearTimeout(late);
    signal?.removeEventListener("abort", interrupt);
  }
}

function failed(program: ComposeProgram, command: readonly string[], how: string, tail: string): NovaError {
  const told = lastLines(tail, 12);
  const name = `${program.argv.at(-1)} ${program.version}`;
  return new NovaError("COMPOSE_FAILED", `Compose could not do \`${command[0]}\` (${how}).${told === "" ? "" : `\n${told}`}`, {
    place: name,
  });
}
