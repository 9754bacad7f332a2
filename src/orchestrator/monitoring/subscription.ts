import type { MonitoringMessage } from "../../model/monitoring.ts";
import type { FeedPart } from "../feed.ts";
import type { Outbox } from "./outbox.ts";

/** Sends what a feed gives until the signal. What the client does not take in time stays where it is: the feed tells of a gap in the end. */
export async function subscription(
  id: number,
  parts: AsyncIterable<FeedPart>,
  outbox: Outbox,
  signal: AbortSignal,
): Promise<void> {
  // Who asks and asks, and reads nothing, gets nothing more: neither do subscriptions that are ended before they began.
  await outbox.room();
  if (signal.aborted) return;
  for await (const part of parts) {
    if (signal.aborted) return;
    outbox.send(messageOf(id, part));
    await outbox.room();
  }
}

/** The entries' own text was made once for all; only what differs from one client to the other is put around it. */
function messageOf(id: number, part: FeedPart): string {
  if (part.kind === "entries") return `{"type":"entries","id":${id},"entries":${part.text()},"position":${part.position}}`;
  const message: MonitoringMessage =
    part.kind === "live"
      ? { type: "live", id, position: part.position }
      : { type: "gap", id, reason: part.reason, after: part.after, upTo: part.upTo, entries: part.entries };
  return JSON.stringify(message);
}
