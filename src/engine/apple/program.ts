import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { NovaError, messageOf, quote } from "../../model/errors.ts";

/** How a program that was run to its end ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_LIMIT_BYTES = 16 * 2 ** 20;

/** Starts `binary` with pipes. Rejects with `ENGINE_LOST` when it cannot be started. */
export async function startProgram(binary: string, argv: readonly string[], stdin: "pipe" | "ignore"): Promise<ChildProcess> {
  const child = spawn(binary, argv, { stdio: [stdin, "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      reject(new NovaError("ENGINE_LOST", `${binary} cannot be run: ${messageOf(error)}.`, { place: binary, cause: error }));
    });
  });
  // Later errors (a kill that fails) say nothing that the exit does not.
  child.on("error", () => {});
  return child;
}

/**
 * Runs `binary` to its end and keeps what it printed. One that is not done after `timeoutMs` is killed: `ENGINE_LOST`. One whose
 * `signal` aborts is killed too, and what the signal was aborted with is thrown.
 */
export async function runProgram(
  binary: string,
  argv: readonly string[],
  options: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
    readonly onLine?: (line: string) => void;
    /** Gets everything as it comes; nothing is kept then. */
    readonly onOutput?: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
  } = {},
): Promise<Ended> {
  const child = await startProgram(binary, argv, "ignore");
  const kept: Record<"stdout" | "stderr", string> = { stdout: "", stderr: "" };
  let problem: { readonly error: unknown } | undefined;
  const stop = (error: unknown): void => {
    problem ??= { error };
    child.kill("SIGKILL");
  };
  const abort = (): void => stop(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted) abort();
  for (const name of ["stdout", "stderr"] as const) {
    const { onOutput } = options;
    if (onOutput) {
      child[name]?.on("data", (bytes: Uint8Array) => onOutput(name, bytes));
      continue;
    }
    let partial = "";
    child[name]?.setEncoding("utf8").on("end", () => {
      if (partial !== "") options.onLine?.(partial);
    });
    child[name]?.on("data", (text: string) => {
      kept[name] += text;
      if (options.onLine) {
        const lines = `${partial}${text}`.split(/\r?\n/);
        partial = lines.pop() ?? "";
        for (const line of lines) options.onLine(line);
        kept[name] = kept[name].slice(-65_536);
      } else if (kept[name].length > OUTPUT_LIMIT_BYTES)
        stop(new NovaError("ENGINE_RESPONSE", `${quote(argv.join(" "))} printed more than ${OUTPUT_LIMIT_BYTES} bytes.`));
    });
  }
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => stop(new NovaError("ENGINE_LOST", `\`container ${argv[0]}\` did not end within ${options.timeoutMs} ms.`)),
          options.timeoutMs,
        );
  const exitCode = await exitOf(child);
  clearTimeout(timer);
  options.signal?.removeEventListener("abort", abort);
  if (problem) throw problem.error;
  return { exitCode, ...kept };
}

/** How a child ended as an exit code: 128 and the signal's number when a signal ended it. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** The exit code of a child whose streams are read. */
export async function exitOf(child: ChildProcess): Promise<number> {
  return await new Promise((resolve) => {
    child.once("close", (code, signal) => resolve(exitCodeOf(code, signal)));
  });
}
