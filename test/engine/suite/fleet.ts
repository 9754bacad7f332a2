import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { labels } from "../../../src/engine/spec.ts";
import { HomeFleet } from "../../../src/host/orchestrator/fleet.ts";
import { startWorker } from "../../../src/host/workers/start.ts";
import { stopWorker } from "../../../src/host/workers/stop.ts";
import { type Workers, withWorkers } from "../../../src/host/workers/workers.ts";
import { openLink } from "../../../src/workers/link/link.ts";
import type { FoundWorker, TerminalMessage } from "../../../src/orchestrator/ports.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { silent } from "../../fixtures/kept-house.ts";
import { buildWorkerTestImage } from "../../fixtures/workers/image.ts";
import { openWorkerStand, type WorkerStand } from "../../fixtures/workers/stand.ts";

/** A worker that vanished has to be shown so within this time, of which the link's own part is little. */
const TOLD_MS = 5000;

/** The orchestrator's view of a home's workers, on one engine. */
export function describeFleet(name: string, start: () => Promise<TestEngine>): void {
  describe(`the fleet on ${name}`, { timeout: 120_000 }, () => {
    let engine: TestEngine | undefined;
    let opened: WorkerStand | undefined;
    beforeAll(async () => {
      engine = await start();
      opened = await openWorkerStand(engine, await buildWorkerTestImage(engine.engine, engine.image));
    });
    afterAll(async () => {
      await opened?.close();
      await engine?.dispose();
    });

    const stand = (): WorkerStand => {
      if (!opened) throw new Error("the engine was not started");
      return opened;
    };
    const inHome = async <T>(use: (workers: Workers) => Promise<T>): Promise<T> =>
      await withWorkers({ home: stand().home, engine: stand().fixture.connect(), env: stand().env }, use);

    async function watch(everyMs?: number): Promise<{
      readonly fleet: HomeFleet;
      readonly told: FoundWorker[][];
      one(called: string): FoundWorker | undefined;
    }> {
      const { home, fixture } = stand();
      const own = fixture.connect();
      const workers = { home, engine: own, info: await own.probe(), mayEnter: true };
      const fleet = new HomeFleet({ workers, logger: silent, ...(everyMs === undefined ? {} : { everyMs }) });
      const over = new AbortController();
      onTestFinished(() => over.abort());
      const told: FoundWorker[][] = [];
      fleet.watch((found) => void told.push([...found]), over.signal);
      await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), { timeout: TOLD_MS });
      return { fleet, told, one: (called) => told.at(-1)?.find((found) => found.worker === called) };
    }

    async function worker(workerName: string, argv: readonly string[] = []): Promise<void> {
      await inHome(async (workers) => await startWorker(workers, workerName, { settings: { argv } }));
      onTestFinished(async () => {
        await inHome(async (workers) => await stopWorker(workers, workerName, { forget: true, removeData: true }));
      });
    }

    test("a worker is told of when it comes, when its container is killed, and when it is stopped and forgotten", async () => {
      // By events alone: the next look would come too late.
      const { told, one } = await watch(60_000);
      expect(told).toEqual([[]]);
      await worker("shop");
      await vi.waitFor(() => expect(one("shop")).toMatchObject({ running: true, trouble: null }), { timeout: TOLD_MS });
      expect(one("shop")).toMatchObject({
        container: expect.stringMatching(/^novabot-worker-shop-/) as string,
        engine: stand().fixture.engine.name,
      });

      await stand().fixture.engine.remove((await stand().container("shop"))?.id ?? "");
      await vi.waitFor(
        () => expect(one("shop")).toMatchObject({ container: null, running: false, trouble: "its container is gone" }),
        { timeout: TOLD_MS },
      );
      await inHome(async (workers) => await stopWorker(workers, "shop", { forget: false, removeData: false }));
      await inHome(async (workers) => await startWorker(workers, "shop", { settings: {} }));
      await vi.waitFor(() => expect(one("shop")).toMatchObject({ running: true, trouble: null }), { timeout: TOLD_MS });
    });

    test("another start of the same container is another incarnation", async () => {
      const { one } = await watch(60_000);
      await worker("anew");
      await vi.waitFor(() => expect(one("anew")?.running).toBe(true), { timeout: TOLD_MS });
      const before = one("anew")?.incarnation;
      const id = (await stand().container("anew"))?.id ?? "";
      await stand().fixture.engine.stop(id, 5000);
      await stand().fixture.engine.start(id);
      await vi.waitFor(
        () => {
          expect(one("anew")?.running).toBe(true);
          expect(one("anew")?.incarnation).not.toBe(before);
        },
        { timeout: TOLD_MS },
      );
    });

    test("what no event tells is found by looking: a worker that the home forgot, and a container that it does not know", async () => {
      const { one } = await watch(200);
      const { engine: raw, image } = stand().fixture;
      const id = await raw.create({
        name: `novabot-worker-stray-${stand().home.label.slice(0, 8)}`,
        image,
        labels: { [labels.home]: stand().home.label, [labels.kind]: "worker", [labels.worker]: "stray" },
        command: ["sleep", "600"],
        user: { uid: 1000, gid: 1000 },
        workingDirectory: "/",
        env: {},
        ownInit: false,
        mounts: [],
        network: "none",
        limits: { memoryBytes: 2 ** 27, memorySwapBytes: 2 ** 27, cpus: 1, pids: 32 },
        stdin: false,
        autoRemove: false,
      });
      onTestFinished(async () => await raw.remove(id));
      await vi.waitFor(
        () => expect(one("stray")).toMatchObject({ running: false, trouble: expect.stringMatching(/keeps nothing/) as string }),
        { timeout: TOLD_MS },
      );
    });

    test("its doors are reached: the link, both healths, a terminal", async () => {
      const { fleet, one } = await watch();
      await worker("doors", ["sleep", "600"]);
      await vi.waitFor(() => expect(one("doors")?.running).toBe(true), { timeout: TOLD_MS });
      const link = openLink({ dial: fleet.dial("doors") });
      onTestFinished(async () => await link.close());
      expect((await link.call("process.list", {})).instances).toMatchObject([{ id: "app", state: "running" }]);
      expect(await fleet.health("doors", "terminal")).toMatchObject({ healthy: true, reason: null });
      expect(await fleet.health("doors", "websocket")).toMatchObject({ healthy: true, reason: null });
      expect(await fleet.health("nobody", "terminal")).toMatchObject({ healthy: false });

      const socket = await fleet.terminal("doors", {}, null, new AbortController().signal);
      let screen = "";
      const closed = Promise.withResolvers<void>();
      socket.listen({
        message: (message: TerminalMessage) =>
          void (screen += typeof message === "string" ? message : Buffer.from(message).toString("utf8")),
        drained: () => undefined,
        closed: () => closed.resolve(),
      });
      socket.send("echo $((6 * 7))-is-it; exit\n");
      await closed.promise;
      expect(screen).toContain("42-is-it");
    });

    test("an engine that goes away takes no worker with it, and its events are heard again when it is back", async () => {
      const { one } = await watch(60_000);
      await worker("stays");
      await vi.waitFor(() => expect(one("stays")?.running).toBe(true), { timeout: TOLD_MS });
      const { daemon, engine: raw } = stand().fixture;
      await daemon.kill("SIGKILL");
      expect(one("stays")).toBeDefined();
      await daemon.start();
      await vi.waitFor(async () => await raw.probe(), { timeout: 20_000 });
      await raw.remove((await stand().container("stays"))?.id ?? "");
      await vi.waitFor(() => expect(one("stays")).toMatchObject({ container: null, running: false }), { timeout: TOLD_MS });
    });
  });
}
