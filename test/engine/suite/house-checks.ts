import { describe, expect, onTestFinished, test, vi } from "vitest";
import { openHome } from "../../../src/agents/home/home.ts";
import { Checks } from "../../../src/host/orchestrator/checks.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { openHouseStore, silent } from "../../fixtures/kept-house.ts";
import { type LiveModule, openLiveModule } from "../../fixtures/live-module.ts";

const SECOND_NS = 1_000_000_000;

/** The orchestrator's looks at modules and its checks of the contract, on one engine. */
export function houseChecksSuite(fixture: () => TestEngine): void {
  async function open(module: LiveModule, checkEveryMs: number | null = null) {
    const home = await openHome(module.directory, { create: false });
    const house = await openHouseStore(home);
    const { engine } = fixture();
    const checks = await Checks.open({
      ...{ home, engine, env: {}, store: house.store, logger: silent },
      ...{ version: "1.2.3", checkEveryMs, modulesEveryMs: 100 },
    });
    onTestFinished(async () => await checks.close());
    return { checks, ...house };
  }

  describe("the house's checks", { timeout: 60_000 }, () => {
    test("a module is told of when it starts, turns healthy, falls ill and ends", async () => {
      const module = await openLiveModule(fixture());
      const { store, events } = await open(module);
      const states = (): unknown[] => events().flatMap((event) => (event.type === "module" ? [event.state] : []));
      await vi.waitFor(() => expect(states()).toEqual(["stopped"]), { timeout: 20_000 });
      const id = await module.start({
        // Of a busy machine one look may take seconds, and is no illness.
        Healthcheck: { Test: ["CMD-SHELL", "test ! -e /app/data/ill"], Interval: SECOND_NS, Timeout: 60 * SECOND_NS, Retries: 1 },
      });
      await vi.waitFor(() => expect(states().at(-1)).toBe("healthy"), { timeout: 20_000 });
      expect(await store.modules()).toMatchObject([
        { module: "one", state: "healthy", why: "its health check answers", containers: [{ running: true }] },
      ]);
      await fixture().engine.exec(id, ["sh", "-c", "touch /app/data/ill"]);
      await vi.waitFor(() => expect(states().at(-1)).toBe("unhealthy"), { timeout: 20_000 });
      await fixture().engine.stop(id, 0);
      await vi.waitFor(() => expect(states().at(-1)).toBe("stopped"), { timeout: 20_000 });
      expect(states()).toEqual([...new Set(states().slice(0, -1)), "stopped"]);
    });

    test("a check that is asked for is kept with its whole report, and told", async () => {
      const module = await openLiveModule(fixture());
      await module.start({ User: "0:0" });
      const { checks, store, events } = await open(module);
      const [view, same] = await Promise.all([checks.check(), checks.check()]);
      expect(same).toBe(view);
      // One of its rules cannot be decided in the tests' own network, so that it says so of the whole.
      expect(view.broken).toBeGreaterThan(0);
      expect(view.report).toMatchObject({ kind: "live", tool: { name: "novabot", version: "1.2.3" } });
      expect(JSON.stringify(view.report)).toContain('"rule":"user"');
      await vi.waitFor(async () => expect(await store.lastCheck()).toEqual(view), { timeout: 20_000 });
      await vi.waitFor(
        () => expect(events()).toContainEqual({ type: "check", broken: view.broken, unknown: view.unknown, why: view.outcome }),
        { timeout: 20_000 },
      );
    });

    test("checks are made by themselves at their pace, and end at once when the house ends", async () => {
      const module = await openLiveModule(fixture());
      await module.start();
      const { checks, events } = await open(module, 300);
      const made = (): number => events().filter(({ type }) => type === "check").length;
      await vi.waitFor(() => expect(made()).toBeGreaterThan(1), { timeout: 40_000 });
      const began = performance.now();
      await checks.close();
      expect(performance.now() - began).toBeLessThan(5000);
    });
  });
}
