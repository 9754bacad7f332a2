import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Entry, WorkerState } from "../../../../src/model/entry.ts";
import { eventText } from "../../../../src/model/event-text.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import { instanceSpecSchema } from "../../../../src/model/instance.ts";
import type { Links } from "../../../../src/orchestrator/links.ts";
import { openLinks } from "../../../../src/orchestrator/links/open-links.ts";
import type { LinkTimes } from "../../../../src/orchestrator/links/times.ts";
import { openSQLiteStore } from "../../../../src/store/sqlite/open.ts";
import type { Store } from "../../../../src/store/store.ts";
import { openCuttingProxy } from "../../../fixtures/cutting-proxy.ts";
import { DrivenFleet } from "../../../fixtures/driven-fleet.ts";
import { stopwatch } from "../../../fixtures/own-lateness.ts";
import { openHouse } from "../../../fixtures/supervised-house.ts";
import { runSupervisor, supervisorDirectory } from "../../../fixtures/supervisor-process.ts";
import { BOOT, openTemporaryStore } from "../../../fixtures/temporary-store.ts";
import { error } from "../../../store/suite/samples.ts";

const quick: Partial<LinkTimes> = { beginMs: 0, firstDelayMs: 10, mostDelayMs: 100, keepAgainMs: 10, mostKeepAgainMs: 50 };
/** A port of this machine at which nobody listens. */
const SILENT = 1;
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

interface Linked {
  readonly fleet: DrivenFleet;
  readonly store: Store;
  readonly links: Links;
  readonly entries: Entry[];
  /** Resolves when an entry of that kind was told. */
  seen(isIt: (entry: Entry) => boolean): Promise<Entry>;
  reach(worker: string, state: WorkerState): Promise<void>;
  states(worker: string): string[];
}

async function linked(
  prepare: (fleet: DrivenFleet) => void = () => {},
  over: { readonly store?: Store; readonly times?: Partial<LinkTimes> } = {},
): Promise<Linked> {
  const store = over.store ?? (await openTemporaryStore());
  const fleet = new DrivenFleet();
  prepare(fleet);
  const entries: Entry[] = [];
  const wake: (() => void)[] = [];
  store.listen((some) => {
    entries.push(...some);
    for (const resolve of wake.splice(0)) resolve();
  });
  const links = await openLinks({ fleet, store, logger: quiet, times: { ...quick, ...over.times } });
  onTestFinished(() => links.close());
  const isOf = (entry: Entry, worker: string): string[] =>
    entry.kind === "event" && entry.event.type === "worker" && entry.worker === worker ? [entry.event.state] : [];
  const seen = async (isIt: (entry: Entry) => boolean): Promise<Entry> => {
    for (;;) {
      const entry = entries.find(isIt);
      if (entry) return entry;
      await new Promise<void>((resolve) => wake.push(resolve));
    }
  };
  const reach = async (worker: string, state: WorkerState): Promise<void> => {
    // Not each state is told as an entry: a worker that was linked before is linked again without a word.
    await expect.poll(() => links.state(worker)?.state, { interval: 10 }).toBe(state);
  };
  return { fleet, store, links, entries, seen, reach, states: (worker) => entries.flatMap((entry) => isOf(entry, worker)) };
}

const shell = (id: string, script: string) =>
  instanceSpecSchema.parse({ id, argv: ["sh", "-c", script], directory: "/", restart: { when: "never" }, stopGraceMs: 500 });

it("collects a worker's records under the names that it was found by, and tells that it is linked", async () => {
  const house = await openHouse();
  const { links, store, seen, reach, states } = await linked((fleet) => fleet.put("alpha", house.port));
  await reach("alpha", "linked");
  expect(links.state("alpha")).toMatchObject({ state: "linked", container: "alpha-container" });
  await links.call("alpha", "process.start", { spec: shell("count", 'seq 1 2000; echo \'{"level":"error"}\' >&2') });
  await links.call("alpha", "process.wait", { id: "count", for: "stopped", timeoutMs: 10_000 });
  await house.monitor.collected(house.journal.lastSeq);
  await seen((entry) => entry.kind === "event" && entry.event.type === "instance" && entry.event.status.state === "stopped");
  const page = await store.logs({ workers: ["alpha"], instances: ["count"], streams: ["stdout"], after: 0, limit: 5_000 });
  expect(page.items.map((entry) => entry.kind === "log" && entry.text)).toEqual(
    Array.from({ length: 2_000 }, (_, index) => `${index + 1}`),
  );
  // The hello says "worker" and "container": what a container says of itself is not believed.
  expect(new Set(page.items.map(({ worker, container }) => `${worker}/${container}`))).toEqual(
    new Set(["alpha/alpha-container"]),
  );
  await expect.poll(() => states("alpha")).toEqual(["connecting", "linked"]);
  expect(await store.workers()).toMatchObject([
    {
      worker: "alpha",
      container: "alpha-container",
      state: "linked",
      bootID: house.journal.bootID,
      version: "0.0.0-test",
      image: "image",
    },
  ]);
  expect(await store.processes({})).toMatchObject([{ worker: "alpha", instance: "count", status: { state: "stopped" } }]);
});

it("knows of a worker what its hello tells, and forgets instances that are not there any more", async () => {
  const house = await openHouse();
  await house.instances.start(shell("long", "sleep 60"));
  const one = await linked((fleet) => fleet.put("alpha", house.port));
  await one.reach("alpha", "linked");
  await expect.poll(() => one.store.processes({})).toMatchObject([{ instance: "long", status: { state: "running" } }]);
  expect(await one.links.call("alpha", "process.list", {})).toMatchObject({ instances: [{ id: "long" }] });
});

it("shows within five seconds that a worker does not answer any more, and links again when it does", async () => {
  const worker = runSupervisor(await supervisorDirectory());
  const port = await worker.port;
  const { links, reach, states } = await linked((fleet) => fleet.put("alpha", port));
  await reach("alpha", "linked");
  worker.child.kill("SIGSTOP");
  const took = stopwatch();
  await reach("alpha", "lost");
  const tookMs = took();
  worker.child.kill("SIGCONT");
  expect(tookMs).toBeLessThan(5_000);
  await expect(links.call("alpha", "process.list", {})).rejects.toMatchObject({ code: "WORKER_UNREACHABLE" });
  await reach("alpha", "linked");
  await expect.poll(() => states("alpha")).toEqual(["connecting", "linked", "lost", "linked"]);
});

it("shows at once that a worker was killed, stopped or removed, and links to the container that takes its place", async () => {
  const [first, second] = [await openHouse(), await openHouse()];
  const { fleet, links, reach, states, store } = await linked((one) => one.put("alpha", first.port));
  await reach("alpha", "linked");
  fleet.put("alpha", first.port, { running: false, trouble: "its container ended with status 137" });
  expect(links.state("alpha")).toEqual({
    state: "stopped",
    container: "alpha-container",
    why: "its container ended with status 137",
  });
  fleet.put("alpha", second.port, { incarnation: "2" });
  await reach("alpha", "linked");
  await expect.poll(async () => (await store.workers())[0]?.bootID).toBe(second.journal.bootID);
  fleet.remove("alpha");
  expect(links.state("alpha")).toMatchObject({ state: "gone" });
  await expect.poll(() => states("alpha")).toEqual(["connecting", "linked", "stopped", "connecting", "linked", "gone"]);
  await expect(links.call("alpha", "process.list", {})).rejects.toMatchObject({ code: "WORKER_UNREACHABLE" });
  await expect(links.call("nobody", "process.list", {})).rejects.toMatchObject({ code: "WORKER_NOT_FOUND" });
  expect(links.state("nobody")).toBeNull();
});

it("gives a container that begins time until its supervisor listens, and says meanwhile what it waits for", async () => {
  const house = await openHouse();
  const { fleet, links, reach, states } = await linked((one) => one.put("alpha", SILENT), { times: { beginMs: 600_000 } });
  await expect.poll(() => links.state("alpha")?.why).toContain("ECONNREFUSED");
  expect(links.state("alpha")?.state).toBe("connecting");
  fleet.put("alpha", house.port);
  await reach("alpha", "linked");
  await expect.poll(() => states("alpha")).toEqual(["connecting", "linked"]);
  // What was there and is not any more is lost, however soon.
  await house.close();
  await reach("alpha", "lost");
});

it("does not wait for a door that refuses, nor longer than a start may take", async () => {
  const late = await linked((one) => one.put("late", SILENT), { times: { beginMs: 200 } });
  await late.reach("late", "lost");
  await expect.poll(() => late.states("late")).toEqual(["connecting", "lost"]);
  const refusing = createServer((_, response) => response.writeHead(401).end()).listen(0, "127.0.0.1");
  onTestFinished(() => void refusing.close());
  await once(refusing, "listening");
  const { port } = refusing.address() as AddressInfo;
  const shut = await linked((one) => one.put("shut", port), { times: { beginMs: 600_000 } });
  await shut.reach("shut", "lost");
  expect(shut.links.state("shut")?.why).toContain("answered 401");
});

it("tells nothing new of workers that are as they were before this process began, and of others what became of them", async () => {
  const house = await openHouse();
  const store = await openTemporaryStore();
  const before = await linked((fleet) => (fleet.put("stays", house.port), fleet.put("goes", SILENT)), { store });
  await before.reach("stays", "linked");
  await before.reach("goes", "lost");
  await before.links.close();
  const after = await linked((fleet) => fleet.put("stays", house.port), { store });
  await after.reach("stays", "linked");
  await after.reach("goes", "gone");
  await after.seen((entry) => entry.worker === "goes" && entry.kind === "event");
  expect(after.states("stays")).toEqual([]);
  expect(after.states("goes")).toEqual(["gone"]);
});

it("keeps every record once while the way is cut at random and the store fails now and then", async () => {
  const house = await openHouse();
  const proxy = await openCuttingProxy(
    () => house.port,
    (() => {
      let cut = 0;
      return () => 20_000 + (cut++ % 7) * 40_000;
    })(),
  );
  const store = await openTemporaryStore();
  let keeps = 0;
  const failing: Store = Object.create(store, {
    keep: {
      value: async (batch: Parameters<Store["keep"]>[0]) => {
        if (++keeps % 9 === 0) throw new NovaError("STORE_FULL", "the disk is full");
        const kept = await store.keep(batch);
        // It is kept, and the answer is lost: the same records come again.
        if (keeps % 9 === 4) throw new NovaError("STORE_LOCKED", "the answer is lost");
        return kept;
      },
    },
  }) as Store;
  const { reach } = await linked((fleet) => fleet.put("alpha", proxy.port), { store: failing });
  await reach("alpha", "linked");
  await house.instances.start(
    shell("load", "for i in $(seq 1 60); do seq -f 'a line of some length with a number %.0f' $((i*500)) $((i*500+499)); done"),
  );
  await house.instances.wait("load", "stopped", 30_000);
  const last = house.journal.lastSeq;
  await expect
    .poll(async () => (await store.have("alpha", "alpha-container"))[0]?.seq, { timeout: 40_000 })
    .toBeGreaterThanOrEqual(last);
  expect(proxy.cuts).toBeGreaterThan(3);
  const numbers: number[] = [];
  for (let after = 0; ;) {
    const page = await store.logs({ workers: ["alpha"], instances: ["load"], after, limit: 10_000 });
    for (const entry of page.items) if (entry.kind === "log") numbers.push(Number(entry.text.split(" ").at(-1)));
    if (!page.more) break;
    after = page.last ?? after;
  }
  expect(numbers).toEqual(Array.from({ length: 30_000 }, (_, index) => index + 500));
});

it("stays linked while the store cannot take records, says why, and lets them wait with the worker", async () => {
  const house = await openHouse();
  const store = await openTemporaryStore();
  let isFull = false;
  const failing: Store = Object.create(store, {
    keep: {
      value: (batch: Parameters<Store["keep"]>[0]) =>
        isFull ? Promise.reject(new NovaError("STORE_FULL", "no room is left on the disk")) : store.keep(batch),
    },
  }) as Store;
  const { links, reach, seen } = await linked((fleet) => fleet.put("alpha", house.port), { store: failing });
  await reach("alpha", "linked");
  isFull = true;
  await links.call("alpha", "process.start", { spec: shell("one", "echo while it was full") });
  await expect.poll(() => links.state("alpha")?.why).toContain("no room is left on the disk");
  expect(links.state("alpha")?.state).toBe("linked");
  isFull = false;
  await seen((entry) => entry.kind === "log" && entry.text === "while it was full");
  await expect.poll(() => links.state("alpha")?.why).not.toContain("no room");
});

it("says of a worker whose records wait at the door of the store that they do, and goes on", async () => {
  const house = await openHouse();
  const store = await openTemporaryStore();
  const door = { isShut: false, opened: Promise.withResolvers<void>() };
  const shut: Store = Object.create(store, {
    keep: {
      value: async (batch: Parameters<Store["keep"]>[0]) => {
        if (door.isShut) await door.opened.promise;
        return await store.keep(batch);
      },
    },
  }) as Store;
  const { links, reach, seen } = await linked((fleet) => fleet.put("alpha", house.port), { store: shut, times: { slowMs: 20 } });
  await reach("alpha", "linked");
  door.isShut = true;
  await links.call("alpha", "process.start", { spec: shell("one", "echo when it was shut") });
  await expect.poll(() => links.state("alpha")?.why).toContain("waits with it: more came than its bounds hold");
  door.isShut = false;
  door.opened.resolve();
  await seen((entry) => entry.kind === "log" && entry.text === "when it was shut");
  await expect.poll(() => links.state("alpha")?.why).toBe("linked");
});

it("tells at once that a worker is lost whose records wait at the door of the store, and ends", async () => {
  const house = await openHouse();
  const directory = await mkdtemp(join(tmpdir(), "novabot-links-"));
  const bounds = { maxAgeMs: null, maxRows: null, maxBytes: 1_000_000 };
  const store = await openSQLiteStore({ file: join(directory, "orchestrator.db"), bounds });
  onTestFinished(async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  // As much as may come beside lines until the next look, by a container before: what this one tells has to wait for that.
  const long = Array.from({ length: 17 }, (_, at) => error(at + 1, { message: "x".repeat(1_000_000) }));
  await store.keep({ worker: "alpha", container: "before", bootID: BOOT, records: long });
  const { fleet, links, reach } = await linked((one) => one.put("alpha", house.port), { store, times: { slowMs: 20 } });
  await reach("alpha", "linked");
  await expect.poll(() => links.state("alpha")?.why).toContain("waits with it: more came than its bounds hold");
  await house.close();
  await reach("alpha", "lost");
  fleet.remove("alpha");
  await reach("alpha", "gone");
  await links.close();
});

it("keeps what became of a worker while the store took nothing as soon as it takes something", async () => {
  const house = await openHouse();
  const store = await openTemporaryStore();
  let isFull = false;
  const full = () => Promise.reject(new NovaError("STORE_FULL", "no room is left on the disk"));
  const failing: Store = Object.create(store, {
    append: { value: (events: Parameters<Store["append"]>[0]) => (isFull ? full() : store.append(events)) },
    putWorker: { value: (...args: Parameters<Store["putWorker"]>) => (isFull ? full() : store.putWorker(...args)) },
  }) as Store;
  const { fleet, links, reach, states } = await linked((one) => one.put("alpha", house.port), { store: failing });
  await reach("alpha", "linked");
  await expect.poll(() => states("alpha")).toEqual(["connecting", "linked"]);
  isFull = true;
  fleet.remove("alpha");
  await reach("alpha", "gone");
  expect(links.state("alpha")?.state).toBe("gone");
  expect(await store.workers()).toMatchObject([{ worker: "alpha", state: "linked" }]);
  isFull = false;
  await expect.poll(() => states("alpha")).toEqual(["connecting", "linked", "gone"]);
  expect(await store.workers()).toMatchObject([{ worker: "alpha", state: "gone" }]);
});

it("asks both doors of a worker that is linked, and anew when it is told to", async () => {
  const house = await openHouse();
  const { entries, fleet, links, reach } = await linked((one) => one.put("alpha", house.port), { times: { healthMs: 100 } });
  const doors = (): string[] =>
    entries
      .flatMap((entry) => (entry.kind === "event" && entry.event.type === "door" ? [eventText(entry.event)] : []))
      .toSorted();
  expect(links.health("alpha")).toBeNull();
  await reach("alpha", "linked");
  await expect.poll(() => links.health("alpha")).toMatchObject({ terminal: { healthy: true }, websocket: { healthy: true } });
  fleet.trouble = "the door is stuck";
  await expect.poll(() => links.health("alpha")).toMatchObject({ terminal: { healthy: false, reason: "the door is stuck" } });
  const unhealthy = ["door terminal unhealthy: the door is stuck", "door websocket unhealthy: the door is stuck"];
  await expect.poll(doors).toEqual(unhealthy);
  fleet.trouble = null;
  expect(await links.askHealth("alpha")).toMatchObject({ terminal: { healthy: true }, websocket: { healthy: true } });
  await expect.poll(doors).toEqual(["door terminal healthy again", unhealthy[0], "door websocket healthy again", unhealthy[1]]);
  await expect(links.askHealth("nobody")).rejects.toMatchObject({ code: "WORKER_NOT_FOUND" });
  fleet.put("alpha", house.port, { running: false });
  expect(links.health("alpha")).toBeNull();
});

it("tells nothing of the doors of a worker that was lost while they were asked", async () => {
  const house = await openHouse();
  const asked = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  const { entries, links, reach, seen } = await linked((one) => {
    one.put("alpha", house.port);
    one.health = async () => {
      asked.resolve();
      await lost.promise;
      return { healthy: false, reason: "nobody listens", atMs: 0 };
    };
  });
  await asked.promise;
  await house.close();
  await reach("alpha", "lost");
  lost.resolve();
  expect(await links.askHealth("alpha")).toMatchObject({ terminal: { healthy: false } });
  expect(links.health("alpha")).toBeNull();
  await seen((entry) => entry.kind === "event" && entry.event.type === "worker" && entry.event.state === "lost");
  await links.close();
  expect(entries.filter((entry) => entry.kind === "event" && entry.event.type === "door")).toEqual([]);
});
