import { expect, test } from "vitest";
import type { Problem } from "../../../../src/model/api/problem.ts";
import type { ProcessView } from "../../../../src/model/kept.ts";
import { openRestHouse } from "../../../fixtures/rest-house.ts";

const process = "/api/monitoring/process";
const sleeper = { argv: ["sleep", "1000"], directory: "/" };

test("a process is started, told of, stopped, started again and restarted", async () => {
  const house = await openRestHouse({ workers: ["shop"] });
  const post = async (what: string, body?: unknown) =>
    (await house.told(`${process}/app/${what}`, { method: "POST", body })) as ProcessView;
  const started = await post("start", { spec: sleeper, wait: "running" });
  expect(started).toMatchObject({ worker: "shop", container: "shop-box", instance: "app", linked: true });
  expect(started.status).toMatchObject({ state: "running", argv: sleeper.argv });
  expect(await house.told(`${process}/app/status?worker=shop&container=shop-box`)).toMatchObject({ instance: "app" });
  expect(await house.told("/api/monitoring/processes")).toMatchObject({ processes: [{ instance: "app", linked: true }] });

  const running = await house.ask(`${process}/app/start`, { method: "POST" });
  expect(await problem(running)).toMatchObject({ status: 409, code: "INSTANCE_RUNNING" });
  expect((await post("stop")).status.state).toBe("stopped");
  expect((await post("start", { wait: "running" })).status.state).toBe("running");
  expect((await post("restart")).status.state).toBe("running");

  const { items } = (await house.told("/api/audit")) as { items: readonly object[] };
  expect(items.map((row) => ({ ...row, position: 0, atMs: 0, facts: {} }))).toEqual(
    [
      ["process.start", "done"],
      ["process.start", "INSTANCE_RUNNING"],
      ["process.stop", "done"],
      ["process.start", "done"],
      ["process.restart", "done"],
    ].map(([what, result]) => ({
      position: 0,
      atMs: 0,
      who: "a-operator",
      door: "api",
      what,
      worker: "shop",
      container: "shop-box",
      subject: "app",
      result,
      facts: {},
    })),
  );
});

test("an id that two workers have is refused with the candidates, until one is named", async () => {
  const house = await openRestHouse({ workers: ["east", "west"] });
  const where = await house.ask(`${process}/app/start`, { method: "POST", body: { spec: sleeper } });
  const candidates = ["east", "west"].map((worker) => ({ worker, container: `${worker}-box` }));
  expect(await problem(where)).toMatchObject({ status: 409, code: "AMBIGUOUS", candidates });
  for (const worker of ["east", "west"])
    await house.told(`${process}/app/start?worker=${worker}`, { method: "POST", body: { spec: sleeper, wait: "running" } });
  for (const path of [`${process}/app/status`, "/api/monitoring/logs/app", "/api/monitoring/errors/app"])
    expect(await problem(await house.ask(path))).toMatchObject({ status: 409, code: "AMBIGUOUS", candidates });
  expect(await problem(await house.ask(`${process}/app/stop`, { method: "POST" }))).toMatchObject({ code: "AMBIGUOUS" });
  expect(await house.told(`${process}/app/status?container=west-box`)).toMatchObject({ worker: "west" });
  expect(await house.told(`${process}/app/stop?worker=east`, { method: "POST" })).toMatchObject({ worker: "east" });
});

test("every refusal is a problem that names what was wrong", async () => {
  const house = await openRestHouse();
  const cases: readonly (readonly [string, Parameters<typeof house.ask>[1], Partial<Problem>])[] = [
    ["/api/nothing", {}, { status: 404, code: "NOT_FOUND" }],
    ["/api/workers", { role: null }, { status: 401, code: "ACCESS_DENIED" }],
    ["/api/tokens", {}, { status: 403, code: "ACCESS_FORBIDDEN" }],
    ["/api/tokens", { role: "viewer", method: "POST", body: { name: "x", role: "admin" } }, { status: 403 }],
    ["/api/workers/none", {}, { status: 404, code: "WORKER_NOT_FOUND" }],
    ["/api/groups/none", {}, { status: 404, code: "GROUP_NOT_FOUND" }],
    ["/api/runs/none", {}, { status: 404, code: "RUN_NOT_FOUND" }],
    ["/api/tasks/none", {}, { status: 404, code: "TASK_NOT_FOUND" }],
    [`${process}/none/status`, {}, { status: 404, code: "INSTANCE_NOT_FOUND", place: "instanceId" }],
    [`${process}/none/stop`, { method: "POST" }, { status: 404, code: "INSTANCE_NOT_FOUND" }],
    [`${process}/a/start`, { method: "POST", body: { spec: sleeper } }, { status: 503, code: "WORKER_UNREACHABLE" }],
    [`${process}/a/start?worker=b`, { method: "POST", body: { spec: sleeper } }, { status: 404, code: "WORKER_NOT_FOUND" }],
    [`${process}/a/start`, { method: "POST", body: { spec: { argv: [] } } }, { status: 400, place: "spec.argv" }],
    [`${process}/a/start`, { method: "POST", body: { worker: "b" } }, { status: 400, place: "worker" }],
    [`${process}/a/start`, { method: "POST", body: "[]" }, { status: 400, place: "body" }],
    [`${process}/a/start`, { method: "POST", body: "{" }, { status: 400, place: "body" }],
    [
      `${process}/a/start`,
      { method: "POST", body: "{}", headers: { "content-type": "text/plain" } },
      { status: 400, place: "content-type" },
    ],
    [`${process}/..%2Fa/status`, {}, { status: 400, place: "instanceId" }],
    [`${process}/a/status`, { method: "DELETE" }, { status: 405, code: "REQUEST_INVALID" }],
    ["/api/monitoring/logs?limit=many", {}, { status: 400, place: "limit" }],
    ["/api/monitoring/logs?limit=1&limit=2", {}, { status: 400, place: "limit" }],
    ["/api/monitoring/logs?limits=1", {}, { status: 400, place: "limits" }],
    ["/api/monitoring/logs?levels=warn&levels=loud", {}, { status: 400, place: "levels.1" }],
    ["/api/monitoring/logs?after=1&before=2", {}, { status: 400, place: "before" }],
    ["/api/monitoring/logs?follow=perhaps", {}, { status: 400, place: "follow" }],
    ["/api/monitoring/logs?follow=true&search=x", {}, { status: 400, place: "search" }],
    ["/api/monitoring/logs", { headers: { accept: "text/event-stream", "last-event-id": "x" } }, { status: 400 }],
    ["/api/monitoring/logs/none?follow=true", {}, { status: 404, code: "INSTANCE_NOT_FOUND" }],
    [
      "/api/messages",
      { method: "POST", body: { chatJid: "local:a", text: "hello" } },
      { status: 503, code: "SERVE_NOT_RUNNING" },
    ],
    ["/api/contract/check", { method: "POST" }, { status: 501, code: "NOT_SUPPORTED" }],
    ["/api/terminals/none/recording", {}, { status: 404, code: "NOT_FOUND" }],
    ["/api/terminals/none/recording", { role: "viewer" }, { status: 403, code: "ACCESS_FORBIDDEN" }],
    ["/health/terminal?worker=none", {}, { status: 404, code: "WORKER_NOT_FOUND" }],
    ["/health/terminal?works=none", {}, { status: 400, place: "works" }],
  ];
  for (const [path, options, wanted] of cases)
    expect({ path, ...(await problem(await house.ask(path, options))) }).toMatchObject({ path, ...wanted });
  expect(house.failures).toEqual([]);
});

test("a token is told once, and lets in until it is removed", async () => {
  const house = await openRestHouse();
  const admin = { role: "admin" } as const;
  const made = await house.told("/api/tokens", { ...admin, method: "POST", body: { name: "phone", role: "viewer" } });
  const { token } = made as { token: string };
  const by = { role: null, headers: { authorization: `Bearer ${token}` } };
  expect(await house.told("/api/access/me", by)).toEqual({ name: "phone", role: "viewer" });
  const listed = JSON.stringify([await house.told("/api/tokens", admin), await house.told("/api/audit", admin)]);
  expect(listed).toContain('"phone"');
  expect(listed).not.toContain(token);
  expect(await house.told("/api/tokens/phone", { ...admin, method: "DELETE" })).toEqual({ removed: true });
  expect((await house.ask("/api/access/me", by)).status).toBe(401);
});

test("changes reach the agents' side and the contract's checks", async () => {
  const task = {
    id: "t1",
    group: "main",
    prompt: "water the plants",
    schedule: { type: "interval", value: 1000 },
    session: "group",
    guard: null,
    status: "paused",
    createdBy: "owner",
    createdAt: "2026-11-21T10:00:00.000Z",
    nextAt: null,
    sessionId: null,
    runs: 0,
    last: null,
  } as const;
  const asked: unknown[] = [];
  const check = { atMs: 5, outcome: "broken", broken: 2, unknown: 1, report: { rules: [] } } as const;
  const house = await openRestHouse({
    agents: {
      live: () => new Map([["main", { run: "r1", waiting: 2, containers: 1 }]]),
      sendMessage: (message) => (asked.push(message), Promise.resolve({ id: "m1", isNew: true })),
      cancelRun: (run) => (asked.push(run), Promise.resolve()),
      changeTask: (id, to) => (asked.push([id, to]), Promise.resolve(task)),
    },
    checks: { modules: () => Promise.resolve([]), check: () => Promise.resolve(check) },
  });
  const group = { folder: "main", name: "Main", jid: "local:main", isMain: true, agent: "demo", network: "none" };
  await house.store.putGroups([group], 1);
  const post = { method: "POST" };
  expect(await house.told("/api/messages", { ...post, body: { chatJid: "local:main", text: "hello" } })).toEqual({
    id: "m1",
    isNew: true,
  });
  expect(await house.told("/api/runs/r1/cancel", post)).toEqual({ cancelled: true });
  expect(await house.told("/api/tasks/t1/pause", post)).toEqual(task);
  expect(asked).toEqual([{ chatJid: "local:main", text: "hello", sender: "a-operator", id: null }, "r1", ["t1", "pause"]]);
  expect(await house.told("/api/groups/main")).toMatchObject({ ...group, live: { run: "r1", waiting: 2, containers: 1 } });
  expect(await house.told("/api/contract")).toEqual({ check: null });
  expect(await house.told("/api/contract/check", post)).toEqual({ check });
  expect(await house.told("/api/contract")).toEqual({ check });
  const audited = JSON.stringify(await house.told("/api/audit"));
  expect(audited).not.toContain("hello");
  expect(await house.told("/api/audit?what=tasks.change")).toMatchObject({ items: [{ subject: "t1", facts: { to: "pause" } }] });
});

async function problem(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const told = (await response.json()) as Problem;
  expect(told.status).toBe(response.status);
  expect(told).toMatchObject({ type: `urn:novabot:error:${told.code}`, title: expect.any(String), next: expect.any(String) });
  return told;
}
