import { spawn } from "node:child_process";
import { rename } from "node:fs/promises";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Engine, Exit } from "../../../src/engine/engine.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { until } from "../../fixtures/engines/processes.ts";
import { stopwatch } from "../../fixtures/own-lateness.ts";
import { SUITE, run, specOf, startReady } from "../../fixtures/engines/containers.ts";

export function lossSuite(fixture: () => TestEngine): void {
  /** How long the wait took to reject with ENGINE_LOST. */
  async function lost(end: Promise<Exit>, passed: () => number): Promise<number> {
    await expect(end).rejects.toMatchObject({ code: "ENGINE_LOST" });
    return passed();
  }

  async function usable(engine: Engine): Promise<void> {
    // Docker lists a container that it is still making, and says of its removal that there is none: what is left then is listed again.
    await until("no container", async () => {
      const left = await engine.list(SUITE);
      for (const { id } of left) await engine.remove(id);
      return left.length === 0;
    });
    expect(await run(engine, specOf(fixture(), "cat"), "back again")).toMatchObject({ stdout: "back again", exitCode: 0 });
    expect(await engine.list(SUITE)).toEqual([]);
  }

  describe("an engine that is lost", () => {
    test("killed: waits reject within 5 s, streams end, and it is found again", async () => {
      const { engine, daemon } = fixture();
      const { end, streams } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      const closed = Promise.all([streams.stdout, streams.stderr].map((stream) => once(stream.resume(), "close")));
      const events = engine.events(SUITE, new AbortController().signal)[Symbol.asyncIterator]();
      const next = events.next();
      next.catch(() => {});
      const command = engine.exec((await engine.list(SUITE))[0]?.id ?? "", ["sleep", "60"]);
      command.catch(() => {});
      await sleep(200);
      const passed = stopwatch();
      await daemon.kill("SIGKILL");
      expect(await lost(end, passed)).toBeLessThan(5000);
      await closed;
      await expect(next).rejects.toMatchObject({ code: "ENGINE_LOST" });
      await expect(command).rejects.toMatchObject({ code: "ENGINE_LOST" });
      await expect(engine.list(SUITE)).rejects.toMatchObject({ code: "ENGINE_LOST" });
      await daemon.start();
      await usable(engine);
    });

    test("shut down in order: the container's end is the engine's loss, not the agent's", async () => {
      const { engine, daemon } = fixture();
      const { end } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      const passed = stopwatch();
      const ending = daemon.kill("SIGTERM");
      expect(await lost(end, passed)).toBeLessThan(5000);
      await ending;
      await daemon.start();
      await usable(engine);
    });

    test("its socket gone while open connections live on", async () => {
      const { engine, daemon } = fixture();
      const { end, id } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      const passed = stopwatch();
      await rename(daemon.socket, `${daemon.socket}.away`);
      expect(await lost(end, passed)).toBeLessThan(5000);
      await rename(`${daemon.socket}.away`, daemon.socket);
      expect((await engine.inspect(id))?.running).toBe(true);
      await usable(engine);
    });

    test("hanging: lost within 5 s, while a short pause is none", async () => {
      const { engine, daemon } = fixture();
      const { end, id } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      let settled = false;
      end.then(
        () => (settled = true),
        () => (settled = true),
      );
      process.kill(daemon.pid, "SIGSTOP");
      try {
        await sleep(2000);
        process.kill(daemon.pid, "SIGCONT");
        await sleep(1500);
        expect(settled).toBe(false);
        const passed = stopwatch();
        process.kill(daemon.pid, "SIGSTOP");
        expect(await lost(end, passed)).toBeLessThan(5500);
      } finally {
        process.kill(daemon.pid, "SIGCONT");
      }
      await engine.remove(id);
      await usable(engine);
    });

    test("hanging before a container runs: finding, making, attaching and starting are lost within 5 s", async () => {
      const { engine, daemon } = fixture();
      // The second is started after all, and is there for as long as it runs.
      const ids = [await engine.create(specOf(fixture(), "true")), await engine.create(specOf(fixture(), "sleep 60"))] as const;
      process.kill(daemon.pid, "SIGSTOP");
      try {
        const passed = stopwatch();
        const asked = [
          engine.findImage(fixture().image),
          engine.create(specOf(fixture(), "true")),
          engine.attach(ids[0]),
          engine.start(ids[1]),
        ];
        // A fifth comes while a ping on behalf of the others is not being answered.
        const late = sleep(1500).then(async () => {
          const latePassed = stopwatch();
          await expect(engine.list(SUITE)).rejects.toMatchObject({ code: "ENGINE_LOST" });
          return latePassed();
        });
        await Promise.all(asked.map((call) => expect(call).rejects.toMatchObject({ code: "ENGINE_LOST" })));
        expect(passed()).toBeLessThan(5000);
        expect(await late).toBeLessThan(5000);
      } finally {
        process.kill(daemon.pid, "SIGCONT");
      }
      // The daemon does yet what it was asked to, the making of a container among it.
      await until("the containers", async () => (await engine.list(SUITE)).length === 3);
      await usable(engine);
    });

    test("a start that comes a second after the wait is waited for", async () => {
      const { engine } = fixture();
      const id = await engine.create(specOf(fixture(), "sleep 0.3; exit 8"));
      const end = engine.wait(id);
      await sleep(1000);
      await engine.start(id);
      expect((await end).exitCode).toBe(8);
    });

    test("a start that takes three seconds is no loss", async () => {
      const { engine, daemon } = fixture();
      const id = await engine.create(specOf(fixture(), "exit 8"));
      const end = engine.wait(id);
      await engine.inspect(id);
      process.kill(daemon.pid, "SIGSTOP");
      const starting = engine.start(id);
      await sleep(3000);
      process.kill(daemon.pid, "SIGCONT");
      await starting;
      expect((await end).exitCode).toBe(8);
    });

    test("a busy machine is no loss", async () => {
      const { engine } = fixture();
      const burners = Array.from({ length: 4 }, () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
      try {
        const results = await Promise.all(Array.from({ length: 4 }, () => run(engine, specOf(fixture(), "sleep 5; exit 3"))));
        expect(results.map(({ exitCode }) => exitCode)).toEqual([3, 3, 3, 3]);
      } finally {
        for (const burner of burners) burner.kill("SIGKILL");
      }
    });
  });
}
