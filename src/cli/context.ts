import type { Readable, Writable } from "node:stream";
import type { Environment } from "../host/state.ts";

/** What a command may touch of the world outside; each command adds itself with `add…Command(program, context)`. */
export interface CLIContext {
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** A person is looking: progress may redraw its line. Nothing ever waits for a key either way. */
  readonly isTerminal: boolean;
  /** Aborts when nobody reads stdout any more. */
  readonly outputClosed: AbortSignal;
  /** A line of the answer, on stdout. */
  print(line: string): void;
  /** What an agent wrote, on stdout: byte for byte into a pipe or file, made harmless for a terminal. */
  printAnswer(text: string): void;
  /** A line beside the answer, on stderr. */
  note(line: string): void;
  /** One JSON document on stdout, for `--json`. */
  printJSON(value: unknown): void;
  /**
   * The exit status when the command ends without throwing: 0, 1 when the run failed, 2 when the set-up is not in order; that of the program in
   * a worker for the commands that run one there.
   */
  setExitCode(code: number): void;
}
