import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { SUITE, run, specOf, startReady } from "../../fixtures/engines/containers.ts";

const EAT_MEMORY = "x=a; while :; do x=$x$x; done";

export function lifecycleSuite(fixture: () => TestEngine): void {
  describe("lifecycle", () => {
    test.each([0, 1, 3, 255])("exit code %i", async (code) => {
      const { exitCode, outOfMemory } = await run(fixture().engine, specOf(fixture(), `exit ${code}`));
      expect({ exitCode, outOfMemory }).toEqual({ exitCode: code, outOfMemory: false });
    });

    test("a container that is to be removed is gone when wait resolves", async () => {
      const { engine } = fixture();
      for (let round = 0; round < 5; round += 1) {
        const spec = specOf(fixture(), "true");
        const { id } = await run(engine, spec);
        expect(await engine.inspect(id)).toBeUndefined();
        // The name is free again as well.
        await engine.remove(await engine.create(spec));
      }
    });

    test("a container that is kept can be asked afterwards, and waited for late", async () => {
      const { engine } = fixture();
      const spec = specOf(fixture(), "exit 9", { autoRemove: false, env: { A: "b" } });
      const { id } = await run(engine, spec);
      const info = await engine.inspect(id);
      expect(info).toMatchObject({
        id,
        name: spec.name,
        running: false,
        exitCode: 9,
        outOfMemory: false,
        user: "1000:1000",
        pid: null,
      });
      expect(await engine.wait(id)).toEqual({ exitCode: 9, outOfMemory: false });
      await engine.remove(id);
      expect(await engine.inspect(id)).toBeUndefined();
    });

    test("several wait for one container, before and after its start", async () => {
      const { engine } = fixture();
      const { id, end, streams } = await startReady(engine, specOf(fixture(), "echo ready; cat; exit 4"));
      const later = fixture().connect().wait(id);
      expect((await engine.inspect(id))?.running).toBe(true);
      await engine.list(SUITE);
      streams.stdin.end();
      expect((await end).exitCode).toBe(4);
      expect((await later).exitCode).toBe(4);
    });

    test("stop lets a container end by itself", async () => {
      const { engine } = fixture();
      const { id, end } = await startReady(
        engine,
        specOf(fixture(), "trap 'exit 42' TERM; echo ready; while :; do sleep 0.1; done"),
      );
      await engine.stop(id, 10_000);
      expect((await end).exitCode).toBe(42);
    });

    test("stop kills one that ignores the signal, after its grace", async () => {
      const { engine } = fixture();
      const { id, end } = await startReady(engine, specOf(fixture(), "trap '' TERM; echo ready; while :; do sleep 0.1; done"));
      const startedAt = performance.now();
      await engine.stop(id, 1000);
      const tookMs = performance.now() - startedAt;
      expect(await end).toEqual({ exitCode: 137, outOfMemory: false });
      expect(tookMs).toBeGreaterThan(900);
      expect(tookMs).toBeLessThan(8000);
    });

    test("kill sends its signal", async () => {
      const { engine } = fixture();
      const { id, end } = await startReady(
        engine,
        specOf(fixture(), "trap 'exit 10' USR1; echo ready; while :; do sleep 0.1; done"),
      );
      await engine.kill(id, "SIGUSR1");
      expect((await end).exitCode).toBe(10);
    });

    test("stopping, killing and removing what is not running or gone is no error", async () => {
      const { engine } = fixture();
      const kept = await run(engine, specOf(fixture(), "true", { autoRemove: false }));
      const created = await engine.create(specOf(fixture(), "true"));
      for (const id of [kept.id, created]) {
        await engine.kill(id, "SIGTERM");
        await engine.stop(id, 1000);
        await engine.remove(id);
      }
      for (const id of [kept.id, created]) {
        await engine.stop(id, 1000);
        await engine.kill(id, "SIGKILL");
        await engine.remove(id);
        expect(await engine.inspect(id)).toBeUndefined();
      }
    });

    test("remove ends one that runs, and its wait", async () => {
      const { engine } = fixture();
      const { id, end } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      await engine.remove(id);
      expect((await end).exitCode).toBe(137);
      expect(await engine.inspect(id)).toBeUndefined();
    });

    test("a container that is not there", async () => {
      const { engine } = fixture();
      const gone = "0123456789abcdef".repeat(4);
      expect(await engine.inspect(gone)).toBeUndefined();
      await expect(engine.wait(gone)).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
      await expect(engine.start(gone)).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
      await expect(engine.attach(gone)).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
      await expect(engine.exec(gone, ["true"])).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
      expect(await engine.inspect("../images")).toBeUndefined();
      await expect(engine.start("../images")).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
    });

    test("a missing image and a name that is taken", async () => {
      const { engine } = fixture();
      await expect(engine.create(specOf(fixture(), "true", { image: "novabot-none:test" }))).rejects.toMatchObject({
        code: "IMAGE_NOT_FOUND",
      });
      const spec = specOf(fixture(), "true");
      const id = await engine.create(spec);
      await expect(engine.create(spec)).rejects.toMatchObject({ code: "CONTAINER_CONFLICT" });
      await engine.remove(id);
    });

    test("a start that fails ends the wait", async () => {
      const { engine } = fixture();
      const source = await mkdtemp(join(tmpdir(), "novabot-test-source-"));
      const id = await engine.create(specOf(fixture(), "true", { mounts: [{ source, target: "/data", readonly: false }] }));
      const end = engine.wait(id);
      await rm(source, { recursive: true });
      await expect(engine.start(id)).rejects.toMatchObject({ code: "ENGINE_REFUSED" });
      await expect(end).rejects.toMatchObject({ code: "ENGINE_REFUSED" });
      await engine.remove(id);
    });

    test("memory that runs out is told, of the main process and of a child", async () => {
      const { engine } = fixture();
      for (let round = 0; round < 3; round += 1) {
        expect(await run(engine, specOf(fixture(), EAT_MEMORY))).toMatchObject({ exitCode: 137, outOfMemory: true });
        expect(await run(engine, specOf(fixture(), `(${EAT_MEMORY}); exit 0`))).toMatchObject({ exitCode: 0, outOfMemory: true });
      }
    });

    test("being killed is not running out of memory", async () => {
      expect(await run(fixture().engine, specOf(fixture(), "kill -KILL $$"))).toMatchObject({
        exitCode: 137,
        outOfMemory: false,
      });
    });

    test("memory runs out in one of several containers at once", async () => {
      const { engine } = fixture();
      const scripts = ["sleep 0.5", EAT_MEMORY, "exit 1", EAT_MEMORY, "sleep 0.2; exit 137"];
      const results = await Promise.all(scripts.map((script) => run(engine, specOf(fixture(), script))));
      expect(results.map(({ outOfMemory }) => outOfMemory)).toEqual([false, true, false, true, false]);
    });
  });
}
