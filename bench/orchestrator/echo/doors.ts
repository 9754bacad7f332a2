import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openHome } from "../../../src/agents/home/home.ts";
import { openDoors } from "../../../src/host/orchestrator/composition.ts";
import { openWorkerTerminal } from "../../../src/host/orchestrator/worker-terminal.ts";
import type { Fleet } from "../../../src/orchestrator/ports.ts";
import { openSQLiteStore } from "../../../src/store/sqlite/open.ts";
import { dialFrom, type WorkerAddress } from "../../../src/workers/link/dial.ts";

// The orchestrator's process of the benchmark: its doors in front of one worker.

/** What this process is sent first. */
export interface DoorsOrder {
  readonly home: string;
  readonly worker: WorkerAddress;
}

/** What it answers when it listens. */
export interface DoorsReport {
  readonly url: string;
  readonly token: string;
}

process.once("message", (order: DoorsOrder) => void open(order));

async function open({ home: path, worker }: DoorsOrder): Promise<void> {
  const home = await openHome(path, { create: true });
  const store = await openSQLiteStore({ file: join(home.root, "store/orchestrator.db") });
  const found = { worker: "worker", container: "box", running: true, image: null, engine: null, trouble: null };
  const fleet: Fleet = {
    watch: (take) => take([{ ...found, incarnation: "1" }]),
    dial: () => dialFrom(() => worker),
    health: async () => ({ healthy: true, reason: null, atMs: Date.now() }),
    terminal: async (_worker, request, protocol, signal) => await openWorkerTerminal(worker, request, protocol, signal),
  };
  const nothing = (): void => undefined;
  const doors = await openDoors({
    home,
    store,
    logger: { info: nothing, warn: nothing, error: nothing },
    fleet,
    agents: null,
    checks: null,
    config: { listen: { host: "127.0.0.1", port: 0 }, insecure: false, tls: null, hosts: [], recordAll: false },
    house: () => ({ version: "0", home: home.root, pid: process.pid, startedAtMs: 0, engine: null, storeTrouble: null }),
  });
  const report: DoorsReport = { url: doors.url, token: (await readFile(doors.tokenFile, "utf8")).trim() };
  process.send?.(report);
  process.once("disconnect", () => {
    void doors
      .close()
      .then(() => store.close())
      .then(() => process.exit(0));
  });
}
