import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { instanceSpecSchema } from "../../../src/model/instance.ts";
import type { WorkerRecord } from "../../../src/model/record.ts";
import { MemorySink } from "../../fixtures/memory-sink.ts";
import { runSupervisor, supervisorDirectory } from "../../fixtures/supervisor-process.ts";

const shell = (id: string, script: string, restart: "never" | "always" = "never") =>
  instanceSpecSchema.parse({
    id,
    argv: ["bash", "-c", script],
    directory: "/",
    restart: { when: restart, delayMs: 10, maxRestarts: null },
    stopGraceMs: 3_000,
  });
const textsOf = (records: readonly WorkerRecord[]): string[] =>
  records.flatMap((record) => (record.kind === "log" && record.stream === "stdout" ? [record.text] : []));
/** One that waits for its parent to notice its end runs no more. */
const isRunning = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};
const only = (sink: MemorySink): readonly WorkerRecord[] => [...sink.boots.values()][0] ?? [];

it("runs its program, and on SIGTERM ends it in order, its last words collected", async () => {
  const directory = await supervisorDirectory();
  const script = 'trap "echo last words; exit 0" TERM; echo ready in $PWD; while :; do sleep 0.05; done';
  const supervisor = runSupervisor(directory, ["--instance-id", "app", "--", "bash", "-c", script]);
  const sink = new MemorySink();
  const link = await supervisor.link({ sink });
  await link.call("process.wait", { id: "app", for: "running", timeoutMs: 10_000 });
  await expect.poll(() => textsOf(only(sink)), { timeout: 10_000 }).toEqual([`ready in ${directory}`]);
  supervisor.child.kill("SIGTERM");
  expect(await supervisor.ended).toEqual({ code: 0, signal: null });
  expect(sink.wrong).toEqual([]);
  expect(textsOf(only(sink))).toEqual([`ready in ${directory}`, "last words"]);
  const events = only(sink).flatMap((record) => (record.kind === "event" ? [record.event] : []));
  expect(events.find(({ type }) => type === "stopping")).toEqual({ type: "stopping", why: "SIGTERM" });
  expect(events.at(-1)).toMatchObject({ type: "instance", status: { id: "app", state: "stopped" } });
  // The next boot knows that this one ended well, and starts what was running.
  const next = runSupervisor(directory);
  const again = await next.link();
  expect(await again.call("process.wait", { id: "app", for: "running", timeoutMs: 10_000 })).toMatchObject({ state: "running" });
  const booted = (await next.link({ sink })) && (await sinkOfBoot(sink, 1));
  expect(booted).toMatchObject({ event: { type: "booted", previous: { clean: true } } });
});

it("runs the command that it is given now, not the one of an earlier boot", async () => {
  const directory = await supervisorDirectory();
  const first = runSupervisor(directory, ["--", "bash", "-c", "echo old; exec sleep 1000"]);
  const link = await first.link();
  await expect.poll(async () => (await link.call("logs.get", { limit: 10 })).records.length, { timeout: 10_000 }).toBe(1);
  first.child.kill("SIGTERM");
  await first.ended;
  const second = runSupervisor(directory, ["--", "bash", "-c", "echo new; exec sleep 1000"]);
  const again = await second.link();
  const texts = async (): Promise<string[]> => textsOf((await again.call("logs.get", { limit: 10 })).records);
  await expect.poll(texts, { timeout: 10_000 }).toContain("new");
  expect(await texts()).toEqual(["old", "new"]);
  expect((await again.call("process.list", {})).instances).toHaveLength(1);
});

/** The first record of the boot with that index. */
async function sinkOfBoot(sink: MemorySink, index: number): Promise<WorkerRecord | undefined> {
  await expect.poll(() => sink.boots.size, { timeout: 10_000 }).toBeGreaterThan(index);
  return [...sink.boots.values()][index]?.[0];
}

it("ends within its grace where a program will not", async () => {
  const supervisor = runSupervisor(await supervisorDirectory(), ["--", "bash", "-c", 'trap "" TERM; while :; do sleep 1; done'], {
    NOVABOT_STOP_GRACE_MS: "1500",
  });
  const link = await supervisor.link();
  await link.call("process.wait", { id: "app", for: "running", timeoutMs: 10_000 });
  const { pid } = await link.call("process.status", { id: "app" });
  const startedAtMs = performance.now();
  supervisor.child.kill("SIGINT");
  expect(await supervisor.ended).toEqual({ code: 0, signal: null });
  // The program itself was given ten.
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  expect(isRunning(pid ?? 0)).toBe(false);
});

it("is one in its place, whoever of two comes first", async () => {
  const directory = await supervisorDirectory();
  const both = [runSupervisor(directory, ["--", "sleep", "1000"]), runSupervisor(directory, ["--", "sleep", "1000"])];
  const loser = await Promise.race(both.map(async (one) => ({ one, end: await one.ended })));
  const winner = both.find((one) => one !== loser.one);
  expect(loser.end).toEqual({ code: 2, signal: null });
  expect(loser.one.log()).toContain(`as process ${winner?.child.pid}`);
  const link = await winner?.link();
  expect(await link?.call("process.wait", { id: "app", for: "running", timeoutMs: 10_000 })).toMatchObject({ state: "running" });
  expect(await link?.call("supervisor.info", {})).toMatchObject({ pid: winner?.child.pid, worker: "worker" });
});

it("comes back after kill -9, with what nobody had collected", async () => {
  const directory = await supervisorDirectory();
  const first = runSupervisor(directory, ["--", "bash", "-c", "seq 1 1000; exec sleep 1000"]);
  const link = await first.link();
  await expect.poll(async () => (await link.call("logs.stats", {})).lastSeq, { timeout: 10_000 }).toBeGreaterThan(1_000);
  // Unacknowledged records are on the disk after a second at the latest.
  await expect.poll(async () => (await link.call("logs.stats", {})).diskBytes, { timeout: 10_000 }).toBeGreaterThan(3_000);
  const { pid } = await link.call("process.status", { id: "app" });
  first.child.kill("SIGKILL");
  await first.ended;
  const sink = new MemorySink();
  const second = runSupervisor(directory, ["--", "bash", "-c", "seq 1 1000; exec sleep 1000"]);
  const again = await second.link({ sink });
  await again.call("process.wait", { id: "app", for: "running", timeoutMs: 20_000 });
  await expect.poll(() => sink.boots.size, { timeout: 10_000 }).toBe(2);
  const [before, after] = [...sink.boots.values()];
  expect(textsOf(before ?? [])).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index + 1)));
  expect(after?.[0]).toMatchObject({ event: { type: "booted", previous: { clean: false } } });
  expect(sink.wrong).toEqual([]);
  expect(isRunning(pid ?? 0)).toBe(false);
});

it("is collected from without a gap or a double through kill -9 under load", async () => {
  const directory = await supervisorDirectory();
  const sink = new MemorySink();
  const flood = { ...shell("flood", "seq 1 100000000"), output: { linesPerSecond: 40_000, overflow: "slow" as const } };
  for (let boot = 0; boot < 3; boot++) {
    const supervisor = runSupervisor(directory);
    const link = await supervisor.link({ sink });
    if (boot === 0) await link.call("process.start", { spec: flood });
    await expect.poll(() => [...sink.boots.values()][boot]?.length ?? 0, { timeout: 20_000 }).toBeGreaterThan(20_000);
    supervisor.child.kill("SIGKILL");
    await supervisor.ended;
    await link.close();
  }
  expect(sink.wrong).toEqual([]);
  expect(sink.boots.size).toBe(3);
  // What the last one left running is ended by the next.
  const link = await runSupervisor(directory).link({ sink });
  await link.call("process.stop", { id: "flood", graceMs: 100 });
});

it.each([
  ["of which it wrote", true],
  ["of which it had no time to write", false],
])("has its doors open, and ends in time, while what an earlier boot left will not end, %s", async (_what, isWritten) => {
  const directory = await supervisorDirectory();
  const stubborn = ["--", "bash", "-c", 'trap "" TERM; echo deaf; while :; do sleep 1; done'];
  const first = runSupervisor(directory, stubborn);
  const link = await first.link();
  await expect.poll(async () => (await link.call("logs.get", { limit: 10 })).records.length, { timeout: 10_000 }).toBe(1);
  const { pid } = await link.call("process.status", { id: "app" });
  const file = join(directory, "data/instances.json");
  await expect.poll(() => readFileSync(file, "utf8"), { timeout: 10_000 }).toContain(`"pid":${pid}`);
  first.child.kill("SIGKILL");
  await first.ended;
  if (!isWritten) {
    const wanted = JSON.parse(readFileSync(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...wanted, instances: [] }));
  }
  const second = runSupervisor(directory, stubborn, { NOVABOT_STOP_GRACE_MS: "1500" });
  const again = await second.link();
  expect(await again.call("process.status", { id: "app" })).toMatchObject({ state: "starting" });
  const startedAtMs = performance.now();
  second.child.kill("SIGTERM");
  expect(await second.ended).toEqual({ code: 0, signal: null });
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  expect(isRunning(pid ?? 0)).toBe(false);
});

it("names every setting that is wrong, and does not run", async () => {
  const supervisor = runSupervisor(await supervisorDirectory(), ["--fly"], {
    NOVABOT_WORKER_PORT: "http",
    NOVABOT_STOP_GRACE_MS: "soon",
  });
  expect(await supervisor.ended).toEqual({ code: 2, signal: null });
  for (const name of ["NOVABOT_WORKER_PORT", "NOVABOT_STOP_GRACE_MS", "--fly"]) expect(supervisor.log()).toContain(name);
});

it("does not run, nor its program, where its port is taken or its directory is closed", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const directory = await supervisorDirectory();
  const file = join(directory, "ran");
  const taken = runSupervisor(directory, ["--", "touch", file], {
    NOVABOT_WORKER_PORT: String((server.address() as AddressInfo).port),
  });
  expect(await taken.ended).toEqual({ code: 2, signal: null });
  expect(taken.log()).toContain("NOVABOT_WORKER_PORT");
  await writeFile(file, "", { flag: "wx" });
  const closed = runSupervisor(directory, [], { NOVABOT_DATA: join(file, "data") });
  expect(await closed.ended).toEqual({ code: 2, signal: null });
  expect(closed.log()).toContain("NOVABOT_DATA");
  // A program of an earlier boot may have put anything beside the socket.
  const mangled = await supervisorDirectory();
  await mkdir(join(mangled, "run"));
  await writeFile(join(mangled, "run/pipes"), "");
  const spoilt = runSupervisor(mangled);
  expect(await spoilt.ended).toEqual({ code: 2, signal: null });
  expect(spoilt.log()).toContain(`the directory ${join(mangled, "run/pipes")} cannot be made`);
});

it("has no door without a token, and says so; the unix socket works", async () => {
  const directory = await supervisorDirectory();
  const supervisor = runSupervisor(directory, [], { NOVABOT_WORKER_TOKEN: "" });
  await expect.poll(() => supervisor.log(), { timeout: 10_000 }).toContain("supervises worker");
  expect(supervisor.log()).toContain("NOVABOT_WORKER_TOKEN_FILE");
  const socket = connect(join(directory, "run/supervisor.sock"));
  onTestFinished(() => void socket.destroy());
  socket.write('{"type":"call","id":1,"name":"process.list","params":{}}\n');
  expect(String((await once(socket, "data"))[0])).toBe('{"type":"result","id":1,"result":{"instances":[]}}\n');
});

it.each([
  ["an error that nobody catches", 'process.on("SIGUSR2",()=>{throw new Error("boom")})'],
  ["a promise that nobody waits for", 'process.on("SIGUSR2",()=>{Promise.reject(new Error("boom"))})'],
])("ends loudly after %s", async (_what, script) => {
  const supervisor = runSupervisor(await supervisorDirectory(), [], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
  });
  await supervisor.port;
  supervisor.child.kill("SIGUSR2");
  expect(await supervisor.ended).toEqual({ code: 2, signal: null });
  expect(supervisor.log()).toMatch(/broke down: Error: boom\n\s+at /);
});

it("ends well when it is told to while it boots", async () => {
  const directory = await supervisorDirectory();
  const supervisor = runSupervisor(directory, ["--", "sleep", "1000"]);
  // The first thing that it makes; signals are heard before that.
  await expect.poll(() => existsSync(join(directory, "run")), { timeout: 20_000, interval: 1 }).toBe(true);
  for (const signal of ["SIGTERM", "SIGTERM", "SIGINT"] as const) supervisor.child.kill(signal);
  expect(await supervisor.ended).toEqual({ code: 0, signal: null });
  expect(supervisor.log()).toMatch(/SIG(TERM|INT) came/);
});

it("is healthy when its doors really open, and says what is broken when they do not", async () => {
  const directory = await supervisorDirectory();
  const supervisor = runSupervisor(directory);
  expect(await supervisor.get("/health/websocket")).toMatchObject({ status: 200, body: { status: "healthy" } });
  const link = await supervisor.link();
  const before = (await link.call("logs.stats", {})).lastSeq;
  const many = await Promise.all(Array.from({ length: 20 }, () => supervisor.get("/health/terminal")));
  for (const one of many) expect(one).toMatchObject({ status: 200, body: { status: "healthy" } });
  // Asked by twenty at once, one looks; and nobody's records tell of it.
  expect((await link.call("logs.stats", {})).lastSeq).toBe(before);

  const broken = await supervisorDirectory();
  for (const name of [".bash_profile", ".profile", ".zprofile"]) await writeFile(join(broken, name), "exit 3\n");
  const ill = runSupervisor(broken);
  expect(await ill.get("/health/terminal")).toMatchObject({
    status: 503,
    body: { status: "unhealthy", reason: expect.stringContaining("terminal") },
  });
  expect(await ill.get("/health/websocket")).toMatchObject({ status: 200 });
});

it("stops in the middle of everything, loses nothing of it, and leaves nothing behind", async () => {
  const directory = await supervisorDirectory();
  const supervisor = runSupervisor(directory, [], { NOVABOT_STOP_GRACE_MS: "6000" });
  const sink = new MemorySink();
  const collector = await supervisor.link({ sink });
  const observer = await supervisor.link();
  const specs = [
    {
      ...shell("flood", "seq -f '%.0f 0123456789012345678901234567890123456789' 1 100000000"),
      output: { linesPerSecond: 50_000, overflow: "slow" as const },
    },
    shell("flapping", "echo again; exit 1", "always"),
    shell("children", "sleep 1000 & (setsid sleep 1000 &) ; sleep 1000"),
    shell("polite", 'trap "sleep 0.3; echo goodbye; exit 0" TERM; echo hello; while :; do sleep 0.05; done'),
  ];
  for (const spec of specs) await observer.call("process.start", { spec });
  const over = new AbortController();
  const seen: number[] = [];
  const following = observer.follow(
    { kinds: ["log"], instances: ["flood"] },
    ({ records }) => void seen.push(records.length),
    over.signal,
  );
  const port = await supervisor.port;
  const terminals = Array.from({ length: 5 }, () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/terminal`, {
      headers: { authorization: "Bearer a-token-of-the-test-1" },
    });
    socket.on("error", () => {});
    socket.on("open", () => socket.send("yes terminal\r"));
    return once(socket, "close");
  });
  const pending = Array.from({ length: 5 }, () =>
    observer.call("process.wait", { id: "polite", for: "stopped", timeoutMs: 60_000 }).catch((error: unknown) => error),
  );
  const idle = connect(join(directory, "run/supervisor.sock"));
  idle.on("error", () => {}).resume();
  const idleGone = once(idle, "close");
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(20);
  const said = async (): Promise<string[]> =>
    textsOf((await observer.call("logs.get", { instances: ["polite"], limit: 10 })).records);
  await expect.poll(said, { timeout: 10_000 }).toEqual(["hello"]);
  const pids = (await observer.call("process.list", {})).instances.flatMap(({ pid }) => pid ?? []);

  const startedAtMs = performance.now();
  supervisor.child.kill("SIGTERM");
  // It may be heard before the signal or after it.
  const late = observer.call("process.start", { spec: shell("late", "sleep 1000") }, { timeoutMs: 8_000 }).catch(() => null);
  expect(await supervisor.ended).toEqual({ code: 0, signal: null });
  expect(performance.now() - startedAtMs).toBeLessThan(7_000);
  await Promise.all([...terminals, ...pending, idleGone]);
  pids.push((await late)?.pid ?? 0);
  over.abort();
  await following;
  await collector.close();
  expect(pids.filter(isRunning)).toEqual([]);

  // The rest is there after the next boot: together, every number once.
  const next = runSupervisor(directory);
  const rest = await next.link({ sink });
  await expect.poll(() => sink.boots.size, { timeout: 20_000 }).toBe(2);
  await rest.close();
  expect(sink.wrong).toEqual([]);
  const numbers = textsOf(only(sink)).flatMap((text) => (/^\d+ 0123/.test(text) ? [Number.parseInt(text, 10)] : []));
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(textsOf(only(sink)).filter((text) => text === "goodbye")).toEqual(["goodbye"]);
});
