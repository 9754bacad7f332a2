import { messageOf } from "../../model/errors.ts";
import type { Logger } from "../ports.ts";
import type { FollowedPart } from "./follow.ts";
import { problemOf } from "./problem.ts";

/** One JSON object in each line, or server-sent events. */
export type StreamForm = "ndjson" | "sse";

export const streamTypes: Readonly<Record<StreamForm, string>> = {
  ndjson: "application/x-ndjson",
  sse: "text/event-stream",
};

/** A quiet stream of events says so often that nobody in between takes it for dead. */
const QUIET_MS = 15_000;

export function textOf(part: FollowedPart, form: StreamForm): string {
  if (part.kind !== "entries") {
    const position = part.kind === "gap" ? part.upTo : part.position;
    return form === "ndjson" ? `${JSON.stringify(part)}\n` : event(part.kind, position, part);
  }
  const { entries, position } = part;
  if (form === "ndjson") return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
  const events = entries.map((entry) => event("entry", entry.position, entry)).join("");
  // An id alone moves the cursor of who comes back, without an event.
  return position === null || position === entries.at(-1)?.position ? events : `${events}id: ${position}\n\n`;
}

function event(type: string, position: number | null, data: unknown): string {
  // JSON holds no newline, so that one line of data is enough.
  return `event: ${type}\n${position === null ? "" : `id: ${position}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** An answer that goes on until its parts end, or the reader goes. Nothing is asked for before somebody reads. */
export function streamResponse(
  parts: AsyncIterable<FollowedPart>,
  form: StreamForm,
  hangUp: AbortController,
  logger: Logger,
  quietMs: number = QUIET_MS,
): Response {
  const encoder = new TextEncoder();
  const iterator = parts[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<FollowedPart>> | null = null;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          for (;;) {
            next ??= iterator.next();
            const part = form === "sse" ? await within(next, quietMs) : await next;
            if (part === null) return controller.enqueue(encoder.encode(": nothing new\n\n"));
            next = null;
            if (part.done === true) return controller.close();
            const text = textOf(part.value, form);
            if (text !== "") return controller.enqueue(encoder.encode(text));
          }
        } catch (error) {
          if (hangUp.signal.aborted) return controller.close();
          logger.error({ reason: messageOf(error) }, "what was followed over REST broke off");
          const problem = problemOf(error);
          const text = form === "ndjson" ? `${JSON.stringify({ kind: "failure", problem })}\n` : event("failure", null, problem);
          controller.enqueue(encoder.encode(text));
          controller.close();
        }
      },
      cancel: async () => {
        hangUp.abort();
        // What is told of nothing meanwhile does not see the signal.
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { "content-type": streamTypes[form], "cache-control": "no-store", "x-accel-buffering": "no" };
  return new Response(body, { headers });
}

/** Null when it did not come within the time. */
export async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const quiet = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)));
  try {
    return await Promise.race([promise, quiet]);
  } finally {
    clearTimeout(timer);
  }
}
