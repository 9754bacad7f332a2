import { expect, test } from "vitest";
import type { InstanceStatus } from "../../../../src/model/instance.ts";
import type { AuditRow } from "../../../../src/model/kept.ts";
import { openOperations } from "../../../../src/orchestrator/operations/open-operations.ts";
import { fillStore } from "../../../fixtures/filled-store.ts";
import { openRestHouse } from "../../../fixtures/rest-house.ts";

const operator = { caller: { name: "o", role: "operator" }, door: "websocket" } as const;
const viewer = { caller: { name: "v", role: "viewer" }, door: "rpc" } as const;

test("a name that nobody looked at, and parameters and roles, are held at every door", async () => {
  const { operations } = await openRestHouse();
  for (const name of ["nothing", "__proto__", "constructor"])
    await expect(operations.callUnknown(name, {}, operator)).rejects.toMatchObject({ code: "NOT_FOUND", place: "name" });
  for (const params of [null, [], "x", { instanceId: "a", more: 1 }, { instanceId: "../a" }, {}])
    await expect(operations.callUnknown("process.status", params, viewer)).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  await expect(operations.callUnknown("tokens.list", {}, operator)).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN" });
  await expect(operations.call("process.stop", { instanceId: "a" }, viewer)).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN" });
});

test("each change has an audit row, one that failed or was not allowed as well, and reading has none", async () => {
  const { operations, store } = await openRestHouse();
  await operations.call("workers.list", {}, viewer);
  const failing = [
    operations.call("process.stop", { instanceId: "gone", worker: "w" }, operator),
    operations.call("process.stop", { instanceId: "gone" }, viewer),
    operations.callUnknown("runs.cancel", { runId: 5 }, operator),
  ];
  await Promise.allSettled(failing);
  const { items } = await store.audit({ limit: 10 });
  const told = items.map(({ who, door, what, subject, worker, result }: AuditRow) =>
    [who, door, what, subject, worker, result].join(" "),
  );
  expect(told.sort()).toEqual([
    "o websocket process.stop gone w INSTANCE_NOT_FOUND",
    "o websocket runs.cancel   REQUEST_INVALID",
    "v rpc process.stop   ACCESS_FORBIDDEN",
  ]);
});

test("an audit row tells names of an environment and no values", async () => {
  const { operations, store } = await openRestHouse({ workers: ["shop"] });
  const spec = { argv: ["sleep", "1000"], directory: "/", env: { SECRET: "do-not-tell" } };
  await operations.call("process.start", { instanceId: "app", spec }, operator);
  const { items } = await store.audit({ limit: 10 });
  expect(items).toMatchObject([{ what: "process.start", facts: { argv: spec.argv, env: ["SECRET"] } }]);
  expect(JSON.stringify(items)).not.toContain("do-not-tell");
});

test("where no audit row can be kept, a change that was done is told as done, and the log says who did it", async () => {
  const house = await openRestHouse();
  const logged: object[] = [];
  const full = { ...house.store, putAudit: () => Promise.reject(new Error("the disk is full")) };
  const operations = openOperations({
    store: full,
    links: house.links,
    tokens: { list: () => Promise.resolve([]), add: () => Promise.resolve("a token"), remove: () => Promise.resolve() },
    tickets: { issue: () => Promise.resolve({ ticket: "x", expiresAtMs: 1 }) },
    agents: null,
    checks: null,
    logger: { info: () => {}, warn: () => {}, error: (facts) => void logged.push(facts) },
    house: () => ({ version: "1", home: "/", pid: null, startedAtMs: 1, engine: null, storeTrouble: "the disk is full" }),
    now: () => 1,
  });
  const admin = { caller: { name: "a", role: "admin" }, door: "api" } as const;
  expect(await operations.call("tokens.add", { name: "x", role: "viewer" }, admin)).toEqual({
    name: "x",
    role: "viewer",
    token: "a token",
  });
  expect(logged).toMatchObject([{ who: "a", what: "tokens.add", subject: "x", result: "done", reason: "the disk is full" }]);
  expect(JSON.stringify(logged)).not.toContain("a token");
});

test("lines and errors of a worker that is away, and of an instance that was removed, can be asked for by its id", async () => {
  const { operations, store } = await openRestHouse();
  await fillStore(store);
  const page = await operations.call("logs.get", { instanceId: "web", limit: 10 }, viewer);
  expect(page.items).toHaveLength(4);
  const { errors } = await operations.call("errors.get", { instanceId: "web", limit: 10 }, viewer);
  expect(errors).toMatchObject([{ worker: "kept", name: "TypeError", count: 3 }]);
  expect(await operations.call("process.status", { instanceId: "web" }, viewer)).toMatchObject({ linked: false, worker: "kept" });
  await expect(operations.call("process.stop", { instanceId: "web" }, operator)).rejects.toMatchObject({
    code: "WORKER_NOT_FOUND",
  });
  await store.putProcesses("kept", "kept-box", { bootID: "0".repeat(32), lastSeq: 0, atMs: 9_000 }, []);
  await expect(operations.call("process.status", { instanceId: "web" }, viewer)).rejects.toMatchObject({
    code: "INSTANCE_NOT_FOUND",
  });
  expect((await operations.call("logs.get", { instanceId: "web", limit: 10 }, viewer)).items).toHaveLength(4);
});

test("the house's status counts what there is", async () => {
  const { operations, store } = await openRestHouse({ workers: ["shop"] });
  await fillStore(store);
  expect(await operations.call("house.status", {}, viewer)).toMatchObject({
    version: "0.0.0-test",
    workers: { linked: 1, stopped: 1, lost: 0 },
    processes: { running: 0, crashed: 1, other: 0 },
    groups: 1,
    store: { trouble: null },
  });
});

test("what ran in a worker that is not linked is not told to run, and of one that is gone is not counted", async () => {
  const { operations, store } = await openRestHouse();
  const status: InstanceStatus = {
    ...{ id: "app", state: "running", ready: true, pid: 1, sinceMs: 1, startedAtMs: 1, exitCode: null, signal: null },
    ...{ restarts: 0, crashLoop: false, nextStartAtMs: null, why: "runs", port: null, argv: ["app"] },
  };
  for (const state of ["lost", "gone"] as const) {
    await store.putWorker(state, { state, container: "box", why: "", sinceMs: 1, image: "i", engine: "docker" });
    await store.putProcesses(state, "box", { bootID: "b".repeat(32), lastSeq: 0, atMs: 1 }, [status]);
  }
  expect(await operations.call("house.status", {}, viewer)).toMatchObject({
    workers: { lost: 1, gone: 1 },
    processes: { running: 0, crashed: 0, other: 1 },
  });
});
