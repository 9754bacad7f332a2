import { WebSocket } from "ws";
import type { MonitoringMessage, MonitoringRequest } from "../../../src/model/monitoring.ts";

// Subscribers of `/ws/monitoring`, all in this process: they parse all that comes, see to it that each worker's records come each once and in order,
// and note how old lines are when they come.

export type SubscribersOrder =
  | { readonly type: "start"; readonly url: string; readonly follow: readonly (readonly string[] | null)[] }
  | { readonly type: "measure" }
  | { readonly type: "report" };
export type SubscribersReport =
  | { readonly type: "subscribed" }
  | {
      readonly type: "seen";
      /** So many lines were so many milliseconds old, by the index. */
      readonly delays: readonly number[];
      readonly lines: number;
      readonly gaps: number;
      readonly outOfOrder: number;
      /** Of each subscriber: the last record of each of its workers. */
      readonly last: readonly (readonly (readonly [string, number])[])[];
      readonly processorMs: number;
      readonly peakMiB: number;
    };

const MOST_MS = 60_000;
const delays = Array.from({ length: MOST_MS }, () => 0);
let lines = 0;
let gaps = 0;
let outOfOrder = 0;
const lasts: Map<string, number>[] = [];

function subscribe(url: string, workers: readonly string[] | null): Promise<void> {
  const last = new Map<string, number>();
  lasts.push(last);
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => {
      const filter = workers ? { kinds: ["log" as const], workers } : { kinds: ["log" as const] };
      socket.send(JSON.stringify({ type: "subscribe", id: 1, filter, after: 0 } satisfies MonitoringRequest));
    });
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as MonitoringMessage;
      if (message.type === "live") resolve();
      if (message.type === "gap") gaps++;
      if (message.type !== "entries") return;
      const nowMs = Date.now();
      for (const entry of message.entries) {
        if (entry.kind !== "log" || entry.worker === null) continue;
        if (entry.seq !== (last.get(entry.worker) ?? 0) + 1) outOfOrder++;
        last.set(entry.worker, entry.seq);
        const delay = Math.min(MOST_MS - 1, Math.max(0, nowMs - entry.atMs));
        delays[delay] = (delays[delay] ?? 0) + 1;
        lines++;
      }
    });
  });
}

const tell = (report: SubscribersReport): void => void process.send?.(report);

process.on("message", (order: SubscribersOrder) => {
  if (order.type === "start") {
    void Promise.all(order.follow.map((workers) => subscribe(order.url, workers))).then(() => tell({ type: "subscribed" }));
  } else if (order.type === "measure") {
    delays.fill(0);
    lines = 0;
  } else {
    const { user, system } = process.cpuUsage();
    const processorMs = (user + system) / 1_000;
    const peakMiB = process.resourceUsage().maxRSS / 1_024;
    tell({ type: "seen", delays, lines, gaps, outOfOrder, last: lasts.map((last) => [...last]), processorMs, peakMiB });
  }
});
process.on("disconnect", () => process.exit());
