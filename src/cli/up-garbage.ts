import type { Logger } from "pino";
import { messageOf } from "../model/errors.ts";

/** By then what was declared is up, as a rule. */
const AFTER_MS = 30_000;

/**
 * Lets what the start left behind go once, some time after it; gives what ends that. V8 collects by what is allocated, and an installation where little
 * happens allocates next to nothing: two thirds of its heap would be garbage for hours.
 */
export function dropGarbageOfStart(logger: Logger, afterMs: number = AFTER_MS): () => void {
  const timer = setTimeout(() => {
    collectGarbage().catch((error: unknown) => logger.info({ reason: messageOf(error) }, "memory is not looked through now"));
  }, afterMs);
  timer.unref();
  return () => clearTimeout(timer);
}

async function collectGarbage(): Promise<void> {
  // Not every Node has it.
  const { Session } = await import("node:inspector/promises");
  const session = new Session();
  session.connect();
  try {
    await session.post("HeapProfiler.collectGarbage");
  } finally {
    session.disconnect();
  }
}
