import { once } from "node:events";
import { stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { DOOR_PORT, openHouse, type House } from "../../../fixtures/supervised-house.ts";

interface Line {
  readonly type: string;
  readonly id: number;
  readonly result?: never;
  readonly part?: { readonly records: readonly { readonly seq: number; readonly kind: string; readonly text?: string }[] };
  readonly error?: { readonly code: string; readonly message: string; readonly next: string };
}

/** A command in the container: says lines, and waits for those that it is answered. */
function command(house: House) {
  const socket: Socket = connect(house.socketPath);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  const lines: Line[] = [];
  let wake = (): void => {};
  createInterface({ input: socket }).on("line", (line) => {
    lines.push(JSON.parse(line) as Line);
    wake();
  });
  const next = async (isIt: (line: Line) => boolean): Promise<Line> => {
    for (;;) {
      const index = lines.findIndex(isIt);
      const [line] = index === -1 ? [] : lines.splice(index, 1);
      if (line) return line;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  let last = 0;
  const send = (name: string, params: unknown): number => {
    socket.write(`${JSON.stringify({ type: "call", id: ++last, name, params })}\n`);
    return last;
  };
  const call = async (name: string, params: unknown): Promise<Line> => {
    const id = send(name, params);
    return next((line) => line.id === id && line.type !== "more");
  };
  return { socket, next, send, call, lines };
}

const sleeper = (id: string) => ({ id, argv: ["sleep", "1000"], directory: "/" });

it("answers every call over the unix socket, which only its user can open", async () => {
  const house = await openHouse();
  expect((await stat(house.socketPath)).mode & 0o777).toBe(0o700);
  const { call } = command(house);
  expect((await call("supervisor.info", {})).result).toMatchObject({ worker: "worker", pid: process.pid, linked: false });
  expect((await call("process.start", { spec: sleeper("one"), wait: "ready" })).result).toMatchObject({
    id: "one",
    state: "running",
  });
  expect((await call("process.list", {})).result).toMatchObject({ instances: [{ id: "one" }] });
  expect((await call("process.status", { id: "one" })).result).toMatchObject({ state: "running" });
  expect((await call("process.restart", { id: "one" })).result).toMatchObject({ id: "one" });
  expect((await call("process.wait", { id: "one", for: "running", timeoutMs: 5_000 })).result).toMatchObject({
    state: "running",
  });
  expect((await call("process.stop", { id: "one", graceMs: 100 })).result).toMatchObject({ state: "stopped" });
  expect((await call("process.remove", { id: "one" })).result).toEqual({});
  expect((await call("errors.list", {})).result).toEqual({ origin: "container", groups: [] });
  expect((await call("errors.stats", {})).result).toMatchObject({ groups: 0 });
  expect((await call("errors.clear", {})).result).toEqual({ cleared: 0 });
  expect((await call("logs.get", {})).result).toMatchObject({ origin: "container", records: [] });
  expect((await call("logs.list", {})).result).toHaveProperty("instances");
  expect((await call("logs.stats", {})).result).toMatchObject({ bootID: house.journal.bootID });
  expect((await call("logs.clear", {})).result).toEqual({ cleared: 0 });
});

it("says what is wrong with a call, and takes the next one", async () => {
  const house = await openHouse();
  const { call } = command(house);
  const failure = async (name: string, params: unknown) => (await call(name, params)).error;
  expect(await failure("process.fly", {})).toMatchObject({
    code: "CALL_INVALID",
    next: expect.stringContaining("process.start"),
  });
  expect(await failure("constructor", {})).toMatchObject({ code: "CALL_INVALID" });
  expect(await failure("process.status", { id: "one", more: 1 })).toMatchObject({ code: "CALL_INVALID" });
  expect(await failure("process.status", { id: "../one" })).toMatchObject({
    code: "CALL_INVALID",
    message: expect.stringContaining("id:"),
  });
  expect(await failure("process.start", { spec: { id: "one", argv: [] } })).toMatchObject({
    code: "INSTANCE_INVALID",
    message: expect.stringContaining("spec.argv"),
  });
  expect(await failure("process.start", { spec: { ...sleeper("one"), port: DOOR_PORT } })).toMatchObject({
    code: "INSTANCE_INVALID",
    next: expect.stringContaining("NOVABOT_WORKER_PORT"),
  });
  expect(await failure("process.status", { id: "nobody" })).toMatchObject({ code: "INSTANCE_NOT_FOUND" });
  expect(await failure("logs.get", { limit: 0 })).toMatchObject({ code: "CALL_INVALID" });
  expect((await call("process.list", {})).result).toEqual({ instances: [] });
});

it("follows records with filters until it is told to stop, or its asker goes", async () => {
  const house = await openHouse();
  const { send, next, socket, call } = command(house);
  await house.instances.start({ ...specOf("talk", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; sleep 1000") });
  const all = send("records.follow", { afterSeq: 0 });
  const errors = send("records.follow", { afterSeq: 0, kinds: ["log"], streams: ["stderr"], instances: ["talk"] });
  const nobody = send("records.follow", { afterSeq: 0, instances: ["other"], kinds: ["log"] });
  const seen: string[] = [];
  while (seen.length < 3) {
    const { part } = await next((line) => line.id === errors);
    for (const record of part?.records ?? []) seen.push(record.text ?? "");
  }
  expect(seen).toEqual(["err 1", "err 2", "err 3"]);
  expect((await next((line) => line.id === all)).part?.records[0]).toMatchObject({
    seq: 1,
    kind: "event",
    event: { type: "booted" },
  });
  socket.write(`${JSON.stringify({ type: "cancel", id: nobody })}\n`);
  expect(await next((line) => line.id === nobody)).toEqual({ type: "result", id: nobody, result: {} });
  // A call is told apart from what follows by its number alone.
  expect((await call("process.status", { id: "talk" })).result).toMatchObject({ state: "running" });
});

it("ends a connection that says nonsense, after saying why", async () => {
  const house = await openHouse();
  for (const text of [
    "nonsense\n",
    "{}\n",
    "[]\n",
    `${JSON.stringify({ type: "welcome", protocol: 1, role: "collector", have: [], credit: 1 })}\n`,
    `${JSON.stringify({ type: "call", id: 0, name: "process.list", params: {} })}\n`,
    "x".repeat(4_194_305),
  ]) {
    const { socket, next } = command(house);
    socket.write(text);
    const closed = once(socket, "close");
    expect((await next((line) => line.id === 0)).error).toMatchObject({ code: "LINK_PROTOCOL" });
    await closed;
  }
});

it("works on a bounded number of calls at once, and on each number once", async () => {
  const house = await openHouse();
  const { send, next, socket } = command(house);
  await house.instances.start(specOf("one", "sleep 1000"));
  for (let many = 0; many < 70; many++) send("process.wait", { id: "one", for: "stopped", timeoutMs: 60_000 });
  expect((await next((line) => line.id === 65)).error).toMatchObject({
    code: "CALL_INVALID",
    message: expect.stringContaining("64"),
  });
  const closed = once(socket, "close");
  socket.write(`${JSON.stringify({ type: "call", id: 1, name: "process.list", params: {} })}\n`);
  expect((await next((line) => line.id === 0)).error).toMatchObject({ code: "LINK_PROTOCOL" });
  await closed;
});

it("waits no longer for somebody who has cancelled", async () => {
  const house = await openHouse();
  const { send, next, socket } = command(house);
  await house.instances.start(specOf("one", "sleep 1000"));
  const id = send("process.wait", { id: "one", for: "stopped", timeoutMs: 86_400_000 });
  socket.write(`${JSON.stringify({ type: "cancel", id })}\n`);
  expect((await next((line) => line.id === id)).error).toMatchObject({ code: "WAIT_TIMEOUT" });
});

it("keeps little for an asker that does not read", async () => {
  const house = await openHouse();
  await house.instances.start(specOf("flood", "yes 0123456789012345678901234567890123456789 | head -n 400000; sleep 1000"));
  const { socket, send } = command(house);
  socket.pause();
  for (let many = 0; many < 8; many++) send("records.follow", { afterSeq: 0 });
  const before = process.memoryUsage().rss;
  const { call } = command(house);
  while (house.journal.lastSeq < 400_000) await call("process.wait", { id: "flood", for: "running", timeoutMs: 100 });
  for (let many = 0; many < 200; many++) await call("process.list", {});
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1_048_576);
});

function specOf(id: string, script: string) {
  return {
    id,
    argv: ["sh", "-c", script],
    directory: "/",
    env: {},
    port: null,
    restart: { when: "never" as const, maxRestarts: 0, windowMs: 0, delayMs: 0, maxDelayMs: 0, healthyAfterMs: 0 },
    stopGraceMs: 100,
    readiness: null,
    liveness: null,
    startGraceMs: 0,
    after: [],
    output: { linesPerSecond: null, overflow: "slow" as const },
  };
}
