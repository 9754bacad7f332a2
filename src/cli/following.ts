import { once } from "node:events";
import type { CLIContext } from "./context.ts";

/** Until Ctrl-C, or until nobody reads any more. */
export function untilEnded(context: CLIContext): AbortSignal {
  const over = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => over.abort());
  return AbortSignal.any([over.signal, context.outputClosed]);
}

/** What is written goes to somebody's terminal, which would obey what is in it. */
export function isScreen({ stdout }: CLIContext): boolean {
  return (stdout as Partial<NodeJS.WriteStream>).isTTY === true;
}

/** Writes, and waits until the reader has room again. */
export async function written(context: CLIContext, bytes: string | Uint8Array): Promise<void> {
  const { stdout, outputClosed } = context;
  if (outputClosed.aborted || stdout.write(bytes)) return;
  await once(stdout, "drain", { signal: outputClosed }).catch((thrown: unknown) => {
    if (!outputClosed.aborted) throw thrown;
  });
}
