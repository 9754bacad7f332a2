import { messageOf } from "../../model/errors.ts";
import type { Logger } from "../ports.ts";
import type { FollowedPart } from "../rest/follow.ts";
import { problemOf } from "../rest/problem.ts";
import { within } from "../rest/stream.ts";
import type { LogItem } from "./monitoring-ops.ts";

/** Logs on their way to one reader: read when the reader wants more, so that nothing is queued for one that is slow. */
export interface LogParts {
  readonly parts: AsyncIterable<FollowedPart>;
  /** Aborted when nobody reads any more. */
  readonly signal: AbortSignal;
  /** To be called when it is over, whoever ended it. */
  hangUp(): void;
  readonly logger: Logger;
  readonly quietMs: number;
  /** Resolves when what was given before has been sent. */
  room(): Promise<void>;
}

/** Each line a chunk, for a way that carries objects. */
export function itemStream(logs: LogParts): ReadableStream<LogItem> {
  const items = itemsOf(logs);
  let waiting: readonly LogItem[] = [];
  let next = 0;
  return new ReadableStream<LogItem>(
    {
      async pull(controller) {
        while (next >= waiting.length) {
          const read = await items.next();
          if (read.done === true) return controller.close();
          waiting = read.value;
          next = 0;
        }
        const item = waiting[next];
        next += 1;
        if (item) controller.enqueue(item);
      },
      cancel: () => leave(logs, items),
    },
    { highWaterMark: 0 },
  );
}

/** NDJSON, for a way that carries bytes alone. */
export function byteStream(logs: LogParts): ReadableStream<Uint8Array> {
  const items = itemsOf(logs);
  const encoder = new TextEncoder();
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const read = await items.next();
      if (read.done !== true)
        return controller.enqueue(encoder.encode(read.value.map((item) => `${JSON.stringify(item)}\n`).join("")));
      controller.close();
      // A reader with a buffer of its own waits for an answer with nothing in it.
      controller.byobRequest?.respond(0);
    },
    cancel: () => leave(logs, items),
  });
}

/** Whoever waits in between for the next line is told as well. */
function leave({ hangUp }: LogParts, items: ReturnType<typeof itemsOf>): void {
  hangUp();
  void items.return();
}

/**
 * Never empty ones. What breaks off says so at its end: an error of a stream does not come through everywhere. A quiet one says now and then that it is
 * live: only what cannot be sent any more tells that its reader has gone.
 */
async function* itemsOf({
  parts,
  signal,
  hangUp,
  logger,
  quietMs,
  room,
}: LogParts): AsyncGenerator<readonly LogItem[], void, void> {
  const iterator = parts[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<FollowedPart>> | null = null;
  let live: { readonly kind: "live"; readonly position: number } | null = null;
  try {
    for (;;) {
      await room();
      next ??= iterator.next();
      const read: IteratorResult<FollowedPart> | null = live ? await within(next, quietMs) : await next;
      if (signal.aborted) return;
      if (read === null) {
        if (live) yield [live];
        continue;
      }
      next = null;
      if (read.done === true) return;
      const part: FollowedPart = read.value;
      if (part.kind === "live") live = part;
      else if (live && part.kind === "entries") live = { kind: "live", position: part.position ?? live.position };
      if (part.kind !== "entries") yield [part];
      else if (part.entries.length > 0) yield part.entries as readonly LogItem[];
    }
  } catch (error) {
    if (signal.aborted) return;
    logger.error({ reason: messageOf(error) }, "what was followed over RPC broke off");
    yield [{ kind: "failure", problem: problemOf(error) }];
  } finally {
    hangUp();
    void iterator.return?.().catch(() => undefined);
  }
}
