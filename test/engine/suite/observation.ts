import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { dockerEngine } from "../../../src/engine/docker/driver.ts";
import type { EngineEvent } from "../../../src/engine/engine.ts";
import { findEngine, probeEngines } from "../../../src/host/engines/find.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { run, specOf, startReady } from "../../fixtures/engines/containers.ts";

export function observationSuite(fixture: () => TestEngine): void {
  describe("observation", () => {
    test("the engine says what it is", async () => {
      const { engine, socket } = fixture();
      const info = await engine.probe();
      expect(info.product.toLowerCase()).toBe(engine.name);
      expect(info).toMatchObject({ endpoint: socket, rootless: false, shiftsIDs: false });
      expect(info.version).toMatch(/^\d+\.\d+/);
      expect(info.cpus).toBeGreaterThan(0);
      expect(info.memoryBytes).toBeGreaterThan(2 ** 28);
    });

    test("it is found behind either door, and driven by its own driver", async () => {
      const { engine, socket } = fixture();
      const door = `unix://${socket}`;
      const found = await findEngine({ NOVABOT_ENGINE: "docker", DOCKER_HOST: door });
      expect(found.name).toBe(engine.name);
      const [podman] = await probeEngines({ NOVABOT_ENGINE: "podman", CONTAINER_HOST: door });
      if (engine.name === "podman") expect(podman).toMatchObject({ ok: true, endpoint: socket, info: { product: "Podman" } });
      else expect(podman).toMatchObject({ ok: false, reason: expect.stringContaining("Docker answers at") as string });
      expect((await dockerEngine({ socket }).probe()).product.toLowerCase()).toBe(engine.name);
    });

    test("inspect tells of a running container", async () => {
      const { engine, image } = fixture();
      const source = fixture().daemon.directory;
      const spec = specOf(fixture(), "echo ready; cat", { labels: { one: "1" } });
      const { id, end, streams } = await startReady(engine, {
        ...spec,
        mounts: [{ source: `${source}/daemon.log`, target: "/log", readonly: true }],
      });
      const info = await engine.inspect(id);
      expect(info).toMatchObject({ id, name: spec.name, running: true, exitCode: null, user: "1000:1000", addresses: {} });
      expect(info?.labels).toMatchObject({ one: "1" });
      expect(info?.image.endsWith(image)).toBe(true);
      expect(info?.mounts).toEqual([{ source: `${source}/daemon.log`, target: "/log", readonly: true }]);
      expect(info?.pid).toBeGreaterThan(1);
      expect(Math.abs(Date.now() - (info?.createdAtMs ?? 0))).toBeLessThan(60_000);
      streams.stdin.end();
      await end;
    });

    test("a list holds what carries all the labels, running or not, and no stranger", async () => {
      const { engine } = fixture();
      const home = randomBytes(6).toString("hex");
      const made = [
        { labels: { "novabot.home": home, "novabot.kind": "agent" } },
        { labels: { "novabot.home": home, "novabot.kind": "worker" } },
        { labels: { "novabot.home": `${home}x`, "novabot.kind": "agent" } },
        { labels: { "novabot.kind": "agent" }, name: `my-novabot-${home}` },
      ];
      const ids: string[] = [];
      for (const changes of made) ids.push(await engine.create(specOf(fixture(), "true", { ...changes, autoRemove: false })));
      await engine.start(ids[0] ?? "");
      await engine.wait(ids[0] ?? "");
      const listed = await engine.list({ "novabot.home": home });
      expect(listed.map(({ id }) => id).toSorted()).toEqual(ids.slice(0, 2).toSorted());
      expect((await engine.list({ "novabot.home": home, "novabot.kind": "agent" })).map(({ id }) => id)).toEqual(ids.slice(0, 1));
      expect(await engine.list({ "novabot.home": home.slice(0, 4) })).toEqual([]);
      expect(listed[0]).toMatchObject({ running: false, labels: { "novabot.home": home } });
      expect(listed[0]?.name).toMatch(/^novabot-test-/);
      for (const { id } of listed) await engine.remove(id);
      expect((await engine.inspect(ids[3] ?? ""))?.name).toBe(`my-novabot-${home}`);
      await engine.remove(ids[2] ?? "");
      await engine.remove(ids[3] ?? "");
    });

    test("events tell a container's life, and none of a stranger's", async () => {
      const { engine } = fixture();
      const labels = { "novabot.home": randomBytes(6).toString("hex") };
      const stop = new AbortController();
      const seen: EngineEvent[] = [];
      const events = engine.events(labels, stop.signal);
      const watching = (async () => {
        for await (const event of events) {
          seen.push(event);
          if (event.type === "removed") stop.abort();
        }
      })();
      await run(engine, specOf(fixture(), "true"));
      const { id } = await run(engine, specOf(fixture(), "exit 6", { labels }));
      await watching;
      expect(new Set(seen.map((event) => event.id))).toEqual(new Set([id]));
      expect(seen.map(({ type }) => type)).toEqual(["created", "started", "died", "removed"]);
      expect(seen[0]?.labels).toMatchObject(labels);
      expect(seen.map(({ exitCode }) => exitCode)).toEqual([null, null, 6, null]);
    });

    test("a watch on events ends quietly when it is no longer wanted", async () => {
      const { engine } = fixture();
      const seen: EngineEvent[] = [];
      for await (const event of engine.events({ none: "at all" }, AbortSignal.timeout(200))) seen.push(event);
      for await (const event of engine.events({ none: "at all" }, AbortSignal.abort())) seen.push(event);
      expect(seen).toEqual([]);
    });

    test("exec runs a command, with its output apart, its exit code and its user", async () => {
      const { engine } = fixture();
      const { id, end } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      expect(await engine.exec(id, ["bash", "-c", "echo out; echo err >&2; exit 3"])).toEqual({
        exitCode: 3,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect((await engine.exec(id, ["id", "-u"])).stdout).toBe("1000\n");
      expect((await engine.exec(id, ["id", "-u"], { user: "4242:4242" })).stdout).toBe("4242\n");
      expect((await engine.exec(id, ["bash", "-c", "head -c 3000000 /dev/zero | tr '\\0' y"])).stdout).toBe(
        "y".repeat(3_000_000),
      );
      await engine.kill(id, "SIGKILL");
      await end;
    });
  });
}
