import type { Writable } from "node:stream";
import { hasCode } from "../../model/errors.ts";

/** Nobody reads what is written any more (`logs get | head`): there is nothing to go on for, and nothing went wrong. */
export class OutputClosed extends Error {}

export interface Output {
  /** Resolves when there is room for more. Rejects with OutputClosed, or as the stream does. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** A line beside the answer; lost where nobody reads it. */
  note(line: string): void;
  readonly isTerminal: boolean;
}

export function createOutput(stdout: Writable & { readonly isTTY?: boolean }, stderr: Writable): Output {
  let broken: Error | null = null;
  let wake = (): void => undefined;
  const check = (): void => {
    if (broken) throw broken;
  };
  stdout.on("error", (error) => {
    broken = hasCode(error, "EPIPE", "ERR_STREAM_DESTROYED") ? new OutputClosed(error.message) : error;
    wake();
  });
  stdout.on("drain", () => wake());
  stderr.on("error", () => undefined);
  return {
    isTerminal: stdout.isTTY === true,
    async write(chunk) {
      check();
      if (!stdout.write(chunk) && !broken) await new Promise<void>((resolve) => (wake = resolve));
      check();
    },
    note: (line) => void stderr.write(`${line}\n`),
  };
}
