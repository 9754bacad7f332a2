import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import { socketOf } from "../../../src/host/orchestrator/ws-socket.ts";
import { openFeed } from "../../../src/orchestrator/feed/open-feed.ts";
import { openLinks } from "../../../src/orchestrator/links/open-links.ts";
import { openMonitoring } from "../../../src/orchestrator/monitoring/session.ts";
import type { Fleet } from "../../../src/orchestrator/ports.ts";
import { openSQLiteStore } from "../../../src/store/sqlite/open.ts";
import { dialFrom } from "../../../src/workers/link/dial.ts";

// The orchestrator in a process of its own: its store, its links to simulated workers, and `/ws/monitoring` for subscribers.

export type HouseOrder =
  | { readonly type: "start"; readonly directory: string; readonly workersPort: number; readonly workers: number }
  | { readonly type: "measure" }
  | { readonly type: "report" };
export type HouseReport =
  | { readonly type: "ready"; readonly url: string }
  | {
      readonly type: "figures";
      readonly kept: number;
      readonly processorMs: number;
      readonly rssMiB: number;
      readonly peakMiB: number;
      readonly loopMs: number;
      readonly lost: number;
    };

function fleetOf(port: number, many: number): Fleet {
  const names = Array.from({ length: many }, (_, index) => `worker-${index}`);
  return {
    watch: (take) =>
      take(
        names.map((worker) => ({
          worker,
          container: worker,
          running: true,
          image: null,
          engine: null,
          trouble: null,
          incarnation: "1",
        })),
      ),
    dial: (worker) => dialFrom(() => ({ host: "127.0.0.1", port, token: worker })),
    health: async () => ({ healthy: true, reason: null, atMs: Date.now() }),
    terminal: () => Promise.reject(new Error("simulated workers have no terminals")),
  };
}

const tell = (report: HouseReport): void => void process.send?.(report);
const quiet = { info: () => {}, warn: () => {}, error: (facts: object, message: string) => console.error(message, facts) };
let kept = 0;
let lost = 0;
let most = 0;
let processor = process.cpuUsage();

async function start({ directory, workersPort, workers }: Extract<HouseOrder, { type: "start" }>): Promise<void> {
  const store = await openSQLiteStore({ file: join(directory, "orchestrator.db") });
  store.listen((entries) => {
    for (const entry of entries) {
      if (entry.kind === "log") kept++;
      else if (entry.kind === "event" && entry.event.type === "worker" && entry.event.state === "lost") lost++;
    }
  });
  const feed = openFeed(store);
  const links = await openLinks({ fleet: fleetOf(workersPort, workers), store, logger: quiet });
  const server = createServer();
  const doors = new WebSocketServer({ server, perMessageDeflate: false });
  const operations = { callUnknown: () => Promise.reject(new Error("nothing is called here")) };
  doors.on("connection", (socket) => {
    const caller = { name: "bench", role: "viewer" } as const;
    openMonitoring(socketOf(socket), { feed, operations, caller, logger: quiet, version: "0.0.0" });
  });
  server.listen(0, "127.0.0.1", () => {
    const names = Array.from({ length: workers }, (_, index) => `worker-${index}`);
    const wait = setInterval(() => {
      if (!names.every((name) => links.state(name)?.state === "linked")) return;
      clearInterval(wait);
      tell({ type: "ready", url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/monitoring` });
    }, 20);
  });
  let at = performance.now();
  setInterval(() => {
    most = Math.max(most, performance.now() - at - 10);
    at = performance.now();
  }, 10);
}

process.on("message", (order: HouseOrder) => {
  if (order.type === "start") void start(order);
  else if (order.type === "measure") {
    processor = process.cpuUsage();
    most = 0;
  } else {
    const { user, system } = process.cpuUsage(processor);
    const rssMiB = process.memoryUsage().rss / 2 ** 20;
    const peakMiB = process.resourceUsage().maxRSS / 1_024;
    tell({ type: "figures", kept, processorMs: (user + system) / 1_000, rssMiB, peakMiB, loopMs: most, lost });
  }
});
process.on("disconnect", () => process.exit());
