import { expect, it, onTestFinished } from "vitest";
import type { RecordBatch, WorkerRecord } from "../../../../src/model/record.ts";
import { dialFrom } from "../../../../src/workers/link/dial.ts";
import { type LinkOptions, type LinkState, openLink, type WorkerLink } from "../../../../src/workers/link/link.ts";
import type { Dial } from "../../../../src/workers/link/socket.ts";
import type { Sink } from "../../../../src/workers/link/sink.ts";
import { openCuttingProxy } from "../../../fixtures/cutting-proxy.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";
import { randomBelow } from "../../../fixtures/seeded-random.ts";
import { openHouse, TOKEN } from "../../../fixtures/supervised-house.ts";
import { instanceSpecSchema } from "../../../../src/model/instance.ts";

interface Watched extends WorkerLink {
  readonly states: LinkState[];
  /** Resolves when the link is in a state of that kind. */
  reach(kind: LinkState["kind"]): Promise<LinkState>;
}

function link(port: number, options: Partial<LinkOptions> = {}, token = TOKEN): Watched {
  const states: LinkState[] = [];
  let wake: (() => void)[] = [];
  const opened = openLink({
    dial: dialFrom(() => ({ host: "127.0.0.1", port, token }), 200),
    firstDelayMs: 5,
    mostDelayMs: 50,
    ...options,
    onState: (state) => {
      states.push(state);
      const waiting = wake;
      wake = [];
      for (const resolve of waiting) resolve();
    },
  });
  onTestFinished(() => opened.close());
  return Object.assign(opened, {
    states,
    reach: async (kind: LinkState["kind"]): Promise<LinkState> => {
      while (opened.state.kind !== kind) await new Promise<void>((resolve) => wake.push(resolve));
      return opened.state;
    },
  });
}

const shell = (id: string, script: string) =>
  instanceSpecSchema.parse({ id, argv: ["sh", "-c", script], directory: "/", restart: { when: "never" }, stopGraceMs: 500 });

it("collects every record once and in order, and acknowledges it", async () => {
  const house = await openHouse();
  const sink = new MemorySink();
  const opened = link(house.port, { sink });
  await opened.reach("linked");
  const status = await opened.call("process.start", { spec: shell("count", "seq 1 50000") });
  expect(status).toMatchObject({ id: "count" });
  await opened.call("process.wait", { id: "count", for: "stopped", timeoutMs: 20_000 });
  await house.monitor.collected(house.journal.lastSeq);
  expect(sink.wrong).toEqual([]);
  const records = sink.of(house.journal.bootID);
  expect(records.at(-1)?.seq).toBe(house.journal.lastSeq);
  const lines = records.flatMap((record) => (record.kind === "log" ? [record.text] : []));
  expect(lines).toEqual(Array.from({ length: 50_000 }, (_, index) => String(index + 1)));
  expect(await opened.call("logs.stats", {})).toMatchObject({ acknowledgedSeq: house.journal.lastSeq });
});

it("loses and doubles nothing while the link is cut at random bytes under load", async () => {
  const house = await openHouse();
  const random = randomBelow(20_261_121);
  const proxy = await openCuttingProxy(
    () => house.port,
    () => 1 + random(random(4) === 0 ? 2_000 : 2_000_000),
  );
  const sink = new MemorySink();
  // A sink that fails now and then, too, before it has kept anything.
  let batches = 0;
  sink.before = () => {
    if (++batches % 50 === 0) throw new Error("the sink's disk is full");
  };
  const opened = link(proxy.port, { sink });
  // Both streams, lines with a number each, in bursts.
  const script = `for i in $(seq 1 150); do seq -f '${"x".repeat(80)} %.0f' $((i*1000)) $((i*1000+999)); echo "e $i" >&2; done`;
  await house.instances.start(shell("load", script));
  await house.instances.wait("load", "stopped", 50_000);
  // What is cut now must not be cut for ever: the rest has to get through as well.
  const last = house.journal.lastSeq;
  await sink.until(house.journal.bootID, last);
  expect(proxy.cuts).toBeGreaterThan(10);
  expect(sink.wrong).toEqual([]);
  const records = sink.of(house.journal.bootID).slice(0, last);
  expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  const numbers = records.flatMap((record) =>
    record.kind === "log" && record.stream === "stdout" ? [Number(record.text.slice(81))] : [],
  );
  expect(numbers).toEqual(Array.from({ length: 150_000 }, (_, index) => index + 1_000));
  expect(records.filter((record) => record.kind === "log" && record.stream === "stderr")).toHaveLength(150);
  expect(opened.state.kind).not.toBe("closed");
});

it("brings what earlier boots left, boot by boot", async () => {
  const first = await openHouse();
  await first.instances.start(shell("old", "seq 1 3000"));
  await first.instances.wait("old", "stopped", 10_000);
  await first.close();
  const last = first.journal.lastSeq;
  const second = await openHouse({ directory: first.directory });
  const sink = new MemorySink();
  const opened = link(second.port, { sink });
  await sink.until(second.journal.bootID, 1);
  expect([...sink.boots.keys()]).toEqual([first.journal.bootID, second.journal.bootID]);
  expect(sink.wrong).toEqual([]);
  expect(sink.of(first.journal.bootID)).toHaveLength(last);
  const state = await opened.reach("linked");
  expect(state.kind === "linked" && state.hello.backlog.map(({ bootID }) => bootID)).toEqual([
    first.journal.bootID,
    second.journal.bootID,
  ]);
});

it("gives way to a collector that comes later, and does not come back", async () => {
  const house = await openHouse();
  const [sink, other] = [new MemorySink(), new MemorySink()];
  const first = link(house.port, { sink });
  await sink.until(house.journal.bootID, 1);
  const second = link(house.port, { sink: other });
  expect(await first.reach("closed")).toMatchObject({
    error: { code: "LINK_LOST", message: expect.stringContaining("replaced") },
  });
  await second.reach("linked");
  await house.instances.start(shell("late", "echo late"));
  await house.instances.wait("late", "stopped", 10_000);
  await other.until(house.journal.bootID, house.journal.lastSeq);
  expect(sink.wrong).toEqual([]);
  await expect(first.call("process.list", {})).rejects.toMatchObject({ code: "LINK_LOST" });
  expect(await second.call("supervisor.info", {})).toMatchObject({ linked: true });
});

it("answers from the collector's history what is not in the container any more", async () => {
  const house = await openHouse();
  const asked: unknown[] = [];
  const collector = link(house.port, {
    sink: new MemorySink(),
    history: async (name, params) => {
      asked.push(name, params);
      if (name === "errors.list") return { origin: "orchestrator", groups: [{ nonsense: true }] };
      throw new Error("the database is away");
    },
  });
  await collector.reach("linked");
  const observer = link(house.port);
  await expect.poll(() => house.monitor.linked, { timeout: 10_000 }).toBe(true);
  // What a collector answers is looked at; what it cannot answer leaves what is here.
  expect(await observer.call("errors.list", { limit: 10 })).toEqual({ origin: "container", groups: [] });
  expect(asked).toEqual(["errors.list", { limit: 10 }]);
  // A collector that asks is not asked in turn.
  await collector.call("errors.list", { limit: 10 });
  expect(asked).toHaveLength(2);
});

it("follows through a cut where it was, and goes on with the next boot", async () => {
  const house = await openHouse();
  let port = house.port;
  const proxy = await openCuttingProxy(() => port);
  const opened = link(proxy.port);
  const seen: string[] = [];
  const over = new AbortController();
  let wake = (): void => {};
  const until = async (many: number): Promise<void> => {
    while (seen.length < many) await new Promise<void>((resolve) => (wake = resolve));
  };
  const take = ({ records }: RecordBatch): void => {
    for (const record of records) if (record.kind === "log") seen.push(record.text);
    wake();
  };
  await opened.reach("linked");
  const following = opened.follow({ kinds: ["log"] }, take, over.signal);
  await house.instances.start(shell("talk", "seq 1 10"));
  await until(10);
  // The next connections live for a few messages each.
  const random = randomBelow(7);
  proxy.cutAfter = () => 3_000 + random(5_000);
  await house.instances.start(shell("more", "seq 11 5000"));
  await until(5_000);
  expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => String(index + 1)));
  proxy.cutAfter = null;
  await house.close();
  const next = await openHouse({ directory: house.directory });
  port = next.port;
  await next.instances.start(shell("again", "echo again"));
  await until(5_001);
  expect(seen.filter((text) => text === "again")).toEqual(["again"]);
  over.abort();
  await following;
});

it("notices a way that swallows everything, and a worker that is away, and says so", async () => {
  const house = await openHouse({ limits: { pipe: { roomBytes: 1e6, fullBytes: 4e6, pingMs: 20, deadMs: 200 } } });
  const proxy = await openCuttingProxy(() => house.port);
  const sink = new MemorySink();
  const opened = link(proxy.port, { sink, silenceMs: 100 });
  await opened.reach("linked");
  await expect.poll(() => house.monitor.linked, { timeout: 10_000 }).toBe(true);
  proxy.silent = true;
  expect(await opened.reach("waiting")).toMatchObject({
    error: { code: "LINK_LOST", message: expect.stringContaining("100 ms") },
  });
  await expect.poll(() => house.monitor.linked, { timeout: 10_000 }).toBe(false);
  proxy.silent = false;
  await opened.reach("linked");
  // A call that was on its way may have been heard: it is not repeated.
  await house.instances.start(shell("wait", "sleep 1000"));
  const waiting = opened.call("process.wait", { id: "wait", for: "stopped", timeoutMs: 60_000 });
  proxy.silent = true;
  await expect(waiting).rejects.toMatchObject({ code: "LINK_LOST" });
  await expect(opened.call("process.list", {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
});

it("says why it is not let in, and tries again", async () => {
  const house = await openHouse();
  const opened = link(house.port, {}, "another-token-than-that");
  expect(await opened.reach("waiting")).toMatchObject({
    error: { code: "DOOR_REFUSED", message: expect.stringContaining("401") },
  });
  await opened.reach("connecting");
  await opened.reach("waiting");
  await expect(opened.call("process.list", {})).rejects.toMatchObject({ code: "DOOR_REFUSED" });
  const nobody = link(1);
  expect(await nobody.reach("waiting")).toMatchObject({ error: { code: "LINK_LOST" } });
  await expect(nobody.call("process.list", {}, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "WAIT_TIMEOUT",
    message: expect.stringContaining("ECONNREFUSED"),
  });
});

it("hands the worker's failure on with its code and its next step", async () => {
  const house = await openHouse();
  const opened = link(house.port);
  await expect(opened.call("process.status", { id: "nobody" })).rejects.toMatchObject({
    code: "INSTANCE_NOT_FOUND",
    next: expect.stringContaining("process list"),
  });
  const over = new AbortController();
  await opened.call("process.start", { spec: shell("long", "sleep 1000") });
  const waiting = opened.call("process.wait", { id: "long", for: "stopped", timeoutMs: 60_000 }, { signal: over.signal });
  over.abort();
  await expect(waiting).rejects.toMatchObject({ code: "LINK_LOST" });
  await opened.close();
  await expect(opened.call("process.list", {})).rejects.toMatchObject({ code: "LINK_LOST" });
});

it("is slow with a slow sink without losing anything, and the worker keeps little for it", async () => {
  const house = await openHouse();
  const sink = new MemorySink();
  let most = 0;
  sink.before = async (batch) => {
    most = Math.max(most, batch.records.length);
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  link(house.port, { sink });
  await house.instances.start(shell("load", `seq -f '${"y".repeat(90)} %.0f' 1 100000`));
  await house.instances.wait("load", "stopped", 50_000);
  await sink.until(house.journal.bootID, house.journal.lastSeq);
  expect(sink.wrong).toEqual([]);
  expect(most).toBeLessThanOrEqual(10_000);
});

it("accounts for every record where the container had no room for all, and the collector was slow", async () => {
  const house = await openHouse({ memoryBytes: 1_048_576, diskBytes: 2_097_152 });
  const { bootID } = house.journal;
  const records: WorkerRecord[] = [];
  const sink: Sink = {
    have: async () => [{ bootID, seq: records.at(-1)?.seq ?? 0 }],
    keep: async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      records.push(...batch.records);
    },
  };
  const random = randomBelow(3);
  const proxy = await openCuttingProxy(
    () => house.port,
    () => 1_000 + random(3_000_000),
  );
  const line = "z".repeat(200);
  await house.instances.start(shell("before", `seq -f '${line} %.0f' 1 100000`));
  await house.instances.wait("before", "stopped", 50_000);
  link(proxy.port, { sink });
  await house.instances.start(shell("meanwhile", `seq -f '${line} %.0f' 1 200000`));
  await house.instances.wait("meanwhile", "stopped", 50_000);
  const last = house.journal.lastSeq;
  await expect.poll(() => records.at(-1)?.seq ?? 0, { timeout: 40_000 }).toBeGreaterThanOrEqual(last);
  const accounted = new Uint8Array(last + 1);
  for (const record of records) {
    accounted[record.seq] = (accounted[record.seq] ?? 0) + 1;
    if (record.kind !== "lost" || record.from === null || record.to === null) continue;
    for (let seq = record.from; seq <= record.to; seq++) if (seq !== record.seq) accounted[seq] = (accounted[seq] ?? 0) + 1;
  }
  expect(records.some(({ kind }) => kind === "lost")).toBe(true);
  const unaccounted = Array.from(accounted.subarray(1).entries(), ([index, times]) => [index + 1, times] as const)
    .filter(([, times]) => times !== 1)
    .slice(0, 10);
  expect(unaccounted).toEqual([]);
});

it("closes at once, also while it dials somebody who does not answer", async () => {
  const proxy = await openCuttingProxy(() => 1);
  proxy.silent = true;
  const opened = openLink({ dial: dialFrom(() => ({ host: "127.0.0.1", port: proxy.port, token: TOKEN }), 60_000) });
  await expect.poll(() => proxy.connections, { timeout: 10_000 }).toBe(1);
  const startedAtMs = performance.now();
  await opened.close();
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  expect(opened.state).toEqual({ kind: "closed", error: null });
});

it("goes when it is closed while it greets the worker, and stands in nobody's way", async () => {
  const house = await openHouse();
  const asked = Promise.withResolvers<void>();
  const told = Promise.withResolvers<void>();
  const slow = new MemorySink();
  slow.have = async () => {
    asked.resolve();
    await told.promise;
    return [];
  };
  const first = link(house.port, { sink: slow });
  await asked.promise;
  await first.close();
  const sink = new MemorySink();
  const second = link(house.port, { sink });
  await second.reach("linked");
  told.resolve();
  await sink.until(house.journal.bootID, 1);
  expect(await second.call("supervisor.info", {})).toMatchObject({ linked: true });
  expect(slow.boots.size).toBe(0);
});

it("speaks over the web's own WebSocket as well", async () => {
  const house = await openHouse();
  const sink = new MemorySink();
  const dial: Dial = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${house.port}/ws`, { headers: { authorization: `Bearer ${TOKEN}` } });
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return { socket, begin: () => {}, cut: () => socket.close() };
  };
  const opened = link(0, { dial, sink });
  await opened.reach("linked");
  await opened.call("process.start", { spec: shell("count", "seq 1 20000") });
  await opened.call("process.wait", { id: "count", for: "stopped", timeoutMs: 20_000 });
  await sink.until(house.journal.bootID, house.journal.lastSeq);
  expect(sink.wrong).toEqual([]);
  await opened.close();
  await expect.poll(() => house.monitor.linked, { timeout: 10_000 }).toBe(false);
});
