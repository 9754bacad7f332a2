import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

type Held = readonly [file: string, title: string];

const image = "test/e2e/worker-image.test.ts";
const promises = "test/fixtures/worker-promises.ts";
const life = "test/engine/suite/workers/life.ts";
const restarts = "test/engine/suite/workers/restarts.ts";
const terminals = "test/engine/suite/orchestrator/terminals.ts";
const connections = "test/engine/suite/orchestrator/connections.ts";
const processes = "test/engine/suite/orchestrator/processes.ts";
const database = "test/engine/suite/orchestrator/database.ts";
const workers = "test/cloudflare/monitoring-ops.test.ts";

/**
 * What the requirement on worker containers wants tested, in its own words, and the tests that hold it. Those of `test/engine/suite` run on Docker and on
 * Podman; those of `test/store/suite` on SQLite and on D1 in workerd; those of `test/cloudflare` in workerd.
 */
const requirement: Readonly<Record<string, Readonly<Record<string, readonly Held[]>>>> = {
  "Container Build": {
    "Verify all dependencies install correctly": [[image, "the image says what it is, and holds what the requirement lists"]],
    "Test process monitoring CLI": [
      [promises, "the command line works as `%s`"],
      [life, "start, list, logs, errors, exec, stop, start again, forget"],
    ],
    "Verify terminal server starts": [
      [promises, "its doors are healthy with the token alone, and sick when the supervisor hangs"],
      [terminals, "Test WebSocket connection"],
    ],
  },
  "Terminal Integration": {
    "Test WebSocket connection": [[terminals, "Test WebSocket connection"]],
    "Verify PTY creation": [[terminals, "Verify PTY creation"]],
    "Test terminal I/O": [[terminals, "Test terminal I/O"]],
    "Test reconnection": [[terminals, "Test reconnection"]],
    "Test orchestrator proxy access": [[terminals, "Test orchestrator proxy access"]],
  },
  "WebSocket Integration": {
    "Test DO → Container WebSocket": [
      [workers, "carry a terminal from the client through the Durable Object to the worker"],
      [workers, "an orchestrator that is taken down comes back with every line once"],
    ],
    "Test Worker → Container proxy": [[workers, "starts and stops a process in a worker, and tells its status, errors and logs"]],
    "Test Orchestrator → Container proxy": [[connections, "Test Orchestrator → Container proxy"]],
    "Test client → Orchestrator → Container connection": [
      [connections, "Test client → Orchestrator → Container connection"],
      [workers, "tell of what happens on /ws/monitoring"],
    ],
  },
  "Process Monitoring": {
    "Test process start/stop via REST API": [[processes, "Test process start/stop via REST API"]],
    "Test process start/stop via WebSocket": [[processes, "Test process start/stop via WebSocket"]],
    "Test process start/stop via RPC entrypoint": [
      [processes, "Test process start/stop via RPC entrypoint"],
      [workers, "starts and stops a process in a worker, and tells its status, errors and logs"],
    ],
    "Test error detection and routing to orchestrator": [[processes, "Test error detection and routing to orchestrator"]],
    "Test log aggregation and routing to orchestrator": [
      [processes, "Test log aggregation and routing to orchestrator"],
      ["test/engine/suite/orchestrator/killed.ts", "kill -9 under load, at any moment"],
    ],
    "Test automatic restart": [
      [processes, "Test automatic restart"],
      [restarts, "kill -9 of the supervisor: the engine starts the container again, and records are neither lost nor doubled"],
    ],
    "Test streaming responses": [
      [processes, "Test streaming responses"],
      [workers, "streams all that is kept, and lets go of streams that nobody reads"],
    ],
  },
  "Database Integration": {
    "Verify all monitoring data stored in orchestrator D1": [
      [database, "Verify all monitoring data stored in orchestrator D1"],
      [workers, "keep all in D1, by worker and container"],
      [
        "test/store/suite/taking-in.ts",
        "takes each record in once, however batches overlap and whoever sends them at the same time",
      ],
    ],
    "Verify worker_name/container_name columns populated": [[database, "Verify worker_name/container_name columns populated"]],
    "Test queries filtered by worker_name": [
      [database, "Test queries filtered by worker_name"],
      ["test/store/suite/entries.ts", "takes what each filter means, in the index or not"],
    ],
    "Verify no SQLite databases in containers": [[database, "Verify no SQLite databases in containers"]],
  },
};

/** What the suites of several engines and databases are run by. */
const runs: readonly (readonly [file: string, call: string])[] = [
  ["test/engine/orchestrator-docker.test.ts", "describeOrchestrator("],
  ["test/engine/orchestrator-podman.test.ts", "describeOrchestrator("],
  ["test/engine/workers-docker.test.ts", "describeWorkers("],
  ["test/engine/workers-podman.test.ts", "describeWorkers("],
  ["test/store/sqlite.test.ts", "describeStore("],
  ["test/store/d1.test.ts", "describeStore("],
  [image, "promiseWorkers("],
];

const textOf = (file: string): string => readFileSync(join(import.meta.dirname, "..", file), "utf8");

/** A title stands at the beginning of a string of its own; what follows a colon says more. */
function has(text: string, title: string): boolean {
  return ['"', "`"].some((quote) => [quote, ":"].some((end) => text.includes(`${quote}${title}${end}`)));
}

describe.each(Object.entries(requirement))("%s", (_, items) => {
  test.each(Object.entries(items))("%s is held by tests that are there", (item, held) => {
    expect(held.length).toBeGreaterThan(0);
    for (const [file, title] of held) expect(has(textOf(file), title), `${file} has a test ${title}, for "${item}"`).toBe(true);
  });
});

test.each(runs)("%s runs its suite", (file, call) => expect(textOf(file)).toContain(call));

test("a title that nobody has is missed", () => {
  expect(has('test("is there: and more", f)', "is there")).toBe(true);
  expect(has('test("is there: and more", f)', "is")).toBe(false);
  expect(has('test("is there", f)', "is not there")).toBe(false);
});
