import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Observation } from "../../../src/engine/observation.ts";
import { specOf, startReady } from "../../fixtures/engines/containers.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { createRaw } from "../../fixtures/engines/raw.ts";
import { tarOf } from "../../fixtures/engines/image.ts";

/** What checks ask of an engine, of containers that NovaBot did not make. */
export function descriptionsSuite(fixture: () => TestEngine): void {
  const observation = (): Observation => {
    const found = fixture().engine.observation;
    if (!found) throw new Error("this engine cannot observe");
    return found;
  };

  describe("descriptions", () => {
    test("a container that somebody else made, with everything in it", async () => {
      const { engine, image, daemon } = fixture();
      const source = join(daemon.directory, "described");
      await mkdir(source, { recursive: true });
      const before = Date.now();
      const id = await createRaw(fixture(), {
        Image: image,
        User: "1001:1001",
        Entrypoint: ["/bin/sh", "-c"],
        Cmd: ["echo ready; exec sleep 300"],
        Env: ["A=1", "B=two words"],
        Labels: { "com.docker.compose.service": "one" },
        ExposedPorts: { "3000/tcp": {} },
        Healthcheck: { Test: ["CMD", "true"], Interval: 3_600_000_000_000 },
        HostConfig: {
          Mounts: [
            { Type: "bind", Source: source, Target: "/app/conf", ReadOnly: true },
            { Type: "tmpfs", Target: "/scratch" },
          ],
          CapAdd: ["NET_ADMIN"],
          CapDrop: ["CHOWN"],
          SecurityOpt: ["no-new-privileges"],
          RestartPolicy: { Name: "unless-stopped" },
          ReadonlyRootfs: true,
          Init: true,
          Memory: 96 * 2 ** 20,
          NanoCpus: 500_000_000,
          PidsLimit: 77,
          GroupAdd: ["2000"],
          NetworkMode: "none",
          UTSMode: "host",
        },
      });
      expect(await observation().describe(id)).toMatchObject({ running: false, status: "created", startedAtMs: null, pid: null });
      expect(await observation().processes(id)).toEqual([]);
      await engine.start(id);
      const described = await observation().describe(id);
      expect(described).toMatchObject({
        id,
        status: "running",
        running: true,
        restarts: 0,
        exitCode: null,
        user: "1001:1001",
        groups: ["2000"],
        command: ["echo ready; exec sleep 300"],
        entrypoint: ["/bin/sh", "-c"],
        restartPolicy: "unless-stopped",
        privileged: false,
        readonlyRoot: true,
        init: true,
        memoryBytes: 96 * 2 ** 20,
        cpus: 0.5,
        pidsLimit: 77,
        namespaces: { pid: "", ipc: "", uts: "host", network: "", user: "", cgroup: expect.anything() as string },
        healthcheck: ["CMD", "true"],
        health: { status: expect.stringMatching(/^(starting|healthy)$/) as string },
        ports: [],
      });
      expect(described?.labels).toMatchObject({ "com.docker.compose.service": "one" });
      expect(described?.env).toEqual(expect.arrayContaining(["A=1", "B=two words"]));
      expect(described?.capabilitiesAdded.map((name) => name.replace(/^CAP_/, ""))).toEqual(["NET_ADMIN"]);
      expect(described?.capabilitiesDropped.map((name) => name.replace(/^CAP_/, ""))).toEqual(["CHOWN"]);
      expect(described?.securityOptions.some((option) => option.includes("no-new-privileges"))).toBe(true);
      expect(described?.mounts).toContainEqual({ kind: "bind", source, target: "/app/conf", readonly: true });
      expect(described?.mounts).toContainEqual({ kind: "tmpfs", source: "", target: "/scratch", readonly: false });
      expect(described?.imageID).toBe((await engine.findImage(image))?.id);
      expect(described?.createdAtMs).toBeGreaterThan(before - 1000);
      expect(described?.startedAtMs).toBeGreaterThanOrEqual(described?.createdAtMs ?? Infinity);
      expect(readFileSync(`/proc/${described?.pid}/cgroup`, "utf8")).toContain(id);
    });

    test("the processes of a container are the host's own numbers, those that were started from outside too", async () => {
      const { engine } = fixture();
      // A `ps` of the container's own that would tell a tale.
      const script = "echo ready; exec -a 'nobody here' sleep 300";
      const { id } = await startReady(engine, specOf(fixture(), script));
      onTestFinished(async () => await engine.remove(id));
      void engine.exec(id, ["sleep", "299"], { user: "0:0" }).catch(() => {});
      await expect
        .poll(async () => (await observation().processes(id)).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8")))
        .toEqual(expect.arrayContaining([expect.stringContaining("nobody here"), expect.stringContaining("sleep\x00299")]));
      const pids = await observation().processes(id);
      expect(pids).toContain((await observation().describe(id))?.pid);
    });

    test("an image, with the commands that made it", async () => {
      const { engine, image: base } = fixture();
      const directory = await mkdtemp(join(tmpdir(), "novabot-test-context-"));
      const tag = `novabot-test-described:${randomBytes(4).toString("hex")}`;
      onTestFinished(async () => {
        if (await engine.findImage(tag)) await engine.removeImage(tag);
        await rm(directory, { recursive: true, force: true });
      });
      const lines = [
        `FROM ${base}`,
        "ENV TOKEN=abc",
        "LABEL a=b",
        "EXPOSE 3000",
        "VOLUME /data",
        'ENTRYPOINT ["/bin/sh"]',
        'CMD ["-c", "true"]',
        "USER 1001:1001",
      ];
      await writeFile(join(directory, "Dockerfile"), `${lines.join("\n")}\n`);
      await engine.buildImage({ tag, context: tarOf(directory), buildArgs: {}, labels: {} });
      const described = await observation().describeImage(tag);
      expect(described).toMatchObject({
        id: (await engine.findImage(tag))?.id,
        user: "1001:1001",
        labels: { a: "b" },
        entrypoint: ["/bin/sh"],
        command: ["-c", "true"],
        healthcheck: null,
        exposedPorts: ["3000/tcp"],
        volumes: ["/data"],
      });
      expect(described?.env).toContain("TOKEN=abc");
      expect(described?.tags.some((name) => name.endsWith(tag))).toBe(true);
      expect(described?.history.some((command) => command.includes("TOKEN=abc"))).toBe(true);
    });

    test("what is not there is undefined", async () => {
      expect(await observation().describe("no-such-container")).toBeUndefined();
      expect(await observation().describeImage("no-such-image:1")).toBeUndefined();
      expect(await observation().findNetwork("no-such-network")).toBeUndefined();
      await expect(observation().processes("no-such-container")).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
      await observation().removeNetwork("no-such-network");
    });

    test("networks are made, found by their whole name, and removed", async () => {
      const name = `novabot-test-${randomBytes(4).toString("hex")}`;
      onTestFinished(async () => await observation().removeNetwork(name));
      const made = await observation().createNetwork(name, { "novabot.home": "x" });
      expect(made).toMatchObject({ name, driver: "bridge", internal: false, labels: { "novabot.home": "x" } });
      expect(await observation().findNetwork(name)).toEqual(made);
      expect(await observation().findNetwork(made.id)).toEqual(made);
      expect(await observation().findNetwork(made.id.slice(0, 8))).toBeUndefined();
      await expect(observation().createNetwork(name, {})).rejects.toMatchObject({ code: "ENGINE_REFUSED" });
      await expect(observation().createNetwork("../containers", {})).rejects.toMatchObject({ code: "ENGINE_REFUSED" });
      await observation().removeNetwork(name);
      expect(await observation().findNetwork(name)).toBeUndefined();
    });
  });
}
