import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { type Processes, processTables } from "../../../src/cli/ps.ts";
import type { InstanceStatus } from "../../../src/model/instance.ts";
import type { ProcessView, WorkerView } from "../../../src/model/kept.ts";

const NOW = 600_000;
const worker = (name: string, state: WorkerView["state"]): WorkerView => ({
  ...{ worker: name, container: "c", state, sinceMs: 0, why: "", bootID: null, bootedAtMs: null, version: null, image: null },
  ...{ engine: null, health: null, instances: 0, logs: { rows: 0, bytes: 0 } },
});
const status: InstanceStatus = {
  ...{ id: "api", state: "running", ready: true, pid: 12, sinceMs: 570_000, startedAtMs: 0, exitCode: null, signal: null },
  ...{ restarts: 4, crashLoop: false, nextStartAtMs: null, why: "", port: 8000, argv: ["node", "a\u001b[2Jb.js"] },
};
const process = (name: string, linked: boolean, changed: Partial<InstanceStatus> = {}): ProcessView => ({
  ...{ worker: name, container: "c", instance: "api", linked, asOfMs: 480_000, status: { ...status, ...changed } },
});

function shown(seen: Partial<Processes>): string[][] {
  const parts = processTables({ workers: [], processes: [], groups: [], modules: [], ...seen }, NOW);
  return parts.map((lines) => lines.map((line) => stripVTControlCharacters(line).replaceAll(/ {2,}/g, "  ").trimEnd()));
}

test("a worker that has been gone for an hour is not shown any more", () => {
  const seen = (state: WorkerView["state"], sinceMs: number): string[][] =>
    shown({ workers: [{ ...worker("old", state), sinceMs }], processes: [process("old", false)] });
  expect(seen("gone", NOW - 3_599_999)).toHaveLength(1);
  expect(seen("gone", NOW - 3_600_000)).toEqual([]);
  expect(seen("lost", NOW - 3_600_000)).toHaveLength(1);
});

test("processes are told with their workers, and of a worker that is not linked as of when they were known", () => {
  expect(
    shown({
      workers: [worker("shop", "linked"), worker("old", "lost"), worker("new", "connecting")],
      processes: [process("shop", true, { crashLoop: true }), process("old", false)],
    }),
  ).toEqual([
    [
      "WORKER  INSTANCE  STATE  PID  PORT  RESTARTS  SINCE  COMMAND",
      "shop  api  crash loop  12  8000  4  30.0 s  node a\\x1b[2Jb.js",
      "old  api  worker lost; running 2 min ago  -  8000  4  30.0 s  node a\\x1b[2Jb.js",
      "new  -  worker connecting  -  -  -  10 min",
    ],
  ]);
});

test("groups and modules have tables of their own, and what is not there has none", () => {
  const group = { folder: "family", name: "Family", jid: "local:f", isMain: false, agent: "demo", network: "none" };
  expect(
    shown({
      groups: [
        { ...group, live: { run: "0123456789abcdef", waiting: 2, containers: 1 }, runs: 3, costUSD: 0.25, lastRunAtMs: 570_000 },
        { ...group, folder: "main", live: null, runs: 0, costUSD: 0, lastRunAtMs: null },
      ],
      modules: [
        {
          module: "waha",
          state: "unhealthy",
          why: "",
          sinceMs: 0,
          containers: [{ name: "waha-1", running: false, health: null }],
        },
      ],
    }),
  ).toEqual([
    [
      "GROUP  STATE  WAITING  CONTAINERS  RUNS  COST  LAST",
      "family  run 01234567  2  1  3  $0.2500  30.0 s ago",
      "main  not served  -  -  0  $0.0000  -",
    ],
    ["MODULE  STATE  SINCE  CONTAINERS", "waha  unhealthy  10 min  waha-1 (ended)"],
  ]);
  expect(shown({})).toEqual([]);
});
