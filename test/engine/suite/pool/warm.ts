import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import { labels } from "../../../../src/engine/spec.ts";
import { Installation } from "../../../../src/host/installation.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import type { ContainerConfig, Group } from "../../../../src/model/group.ts";
import { buildScriptImage, openStage, polite, type Stage } from "../../../fixtures/stage.ts";
import { named, settled, small, states, waiting, warm, type PoolStand } from "./stand.ts";

const waitingHost = fileURLToPath(new URL("../../../fixtures/waiting-host.ts", import.meta.url));

/** Containers made ahead: each is used once, and none serves what it was not made for. */
export function describeWarm(stand: PoolStand): void {
  describe("warm", () => {
    test("one is made ahead, used once, and another takes its place", async () => {
      const stage = await openStage(stand.engine, stand.image);
      const group = await stage.group("family", named, small);
      const first = await warm(stage, group);
      expect(first.record.mode).toBe("cold");
      const used: string[] = [first.record.container];
      for (let round = 0; round < 3; round += 1) {
        await settled(stage, "family warm idle");
        const ahead = waiting(stage, "family")!;
        const { record, result } = await warm(stage, group);
        expect(record).toMatchObject({ mode: "warm", outcome: "success", container: ahead });
        expect(result).toBeTruthy();
        expect(used).not.toContain(ahead);
        used.push(ahead);
      }
      await stage.installation.runs.close();
      expect(await stage.containers()).toEqual([]);
    });

    test("a run that asks for none leaves none, and takes none", async () => {
      const stage = await openStage(stand.engine, stand.image);
      const group = await stage.group("family", named, small);
      await stage.run(group);
      expect(states(stage)).toEqual([]);
      stage.installation.runs.keepWarm(group);
      await settled(stage, "family warm idle");
      const { record } = await stage.run(group);
      expect(record.mode).toBe("cold");
      expect(states(stage)).toEqual(["family warm idle"]);
    });

    test("two groups have each their own", async () => {
      const stage = await openStage(stand.engine, stand.image);
      const groups = [await stage.group("one", named, small), await stage.group("two", named, small)];
      for (const group of groups) stage.installation.runs.keepWarm(group);
      await settled(stage, "one warm idle", "two warm idle");
      for (const group of groups) {
        const { record } = await warm(stage, group);
        expect(record.container).toMatch(new RegExp(`^novabot-${group.folder}-`));
        expect(record.mode).toBe("warm");
      }
    });

    const script = `${polite}\n. /workspace/env-dir/env\nframe "$TOKEN$(ls /workspace/extra/* 2>/dev/null | tr '\\n' ' ')$(cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null)$(cat /mark 2>/dev/null)$(cat /workspace/group/which)"`;
    type Change = (stage: Stage, group: Group) => Promise<Group>;
    const set = async (stage: Stage, group: Group, more: ContainerConfig): Promise<Group> => {
      const changed = { ...group, containerConfig: { ...group.containerConfig, ...more } };
      await changeGroups(stage.home, (groups) => groups.map((other) => (other.folder === group.folder ? changed : other)));
      return changed;
    };
    const folderOf = (stage: Stage): string => join(stage.home.groups, "family");
    const changes: readonly (readonly [string, Change, RegExp])[] = [
      ["a limit", async (stage, group) => await set(stage, group, { pids: 77 }), /77/],
      [
        "a value of the env file",
        async (stage, group) => {
          await writeFile(stage.home.envFile, "TOKEN=after\n");
          return group;
        },
        /^after/,
      ],
      [
        "a mount",
        async (stage, group) => {
          const outside = join(dirname(stage.home.root), "outside");
          await mkdir(outside);
          await writeFile(join(outside, "seen"), "");
          const file = join(dirname(stage.home.root), ".config/novabot/mount-allowlist.json");
          await mkdir(dirname(file), { recursive: true });
          await writeFile(
            file,
            JSON.stringify({
              allowedRoots: [{ path: outside, allowReadWrite: false, description: "test" }],
              blockedPatterns: [],
              nonMainReadOnly: true,
            }),
          );
          return await set(stage, group, { additionalMounts: [{ hostPath: outside }] });
        },
        /seen/,
      ],
      [
        "the group's folder, replaced",
        async (stage, group) => {
          await rename(folderOf(stage), join(dirname(stage.home.root), "old"));
          await mkdir(folderOf(stage));
          await writeFile(join(folderOf(stage), "agent.sh"), script);
          await writeFile(join(folderOf(stage), "which"), "new folder");
          return group;
        },
        /new folder/,
      ],
      [
        "the image behind the tag",
        async (_, group) => {
          await buildScriptImage(stand.engine, stand.under.image, "2", {
            tag: "novabot-test-moving:latest",
            lines: ["RUN echo marked > /mark"],
          });
          return group;
        },
        /marked/,
      ],
    ];
    test.each(changes)("does not serve after %s was changed", async (_, change, expected) => {
      const moving = await buildScriptImage(stand.engine, stand.under.image, "2", { tag: "novabot-test-moving:latest" });
      const stage = await openStage(stand.engine, moving);
      await writeFile(stage.home.envFile, "TOKEN=before\n");
      const group = await stage.group("family", script, { ...small, env: ["TOKEN"] });
      await writeFile(join(folderOf(stage), "which"), "old folder");
      stage.installation.runs.keepWarm(group);
      await settled(stage, "family warm idle");
      const before = waiting(stage, "family")!;
      const { record, result } = await warm(stage, await change(stage, group));
      expect(record).toMatchObject({ mode: "cold", outcome: "success" });
      expect(record.container).not.toBe(before);
      expect(result).toMatch(expected);
      await settled(stage, "family warm idle");
      const next = await warm(stage, (await stage.group("family", script, { ...small, env: ["TOKEN"], pids: 77 })) && group);
      expect(next.record.outcome).toBe("success");
      expect(await stage.containers()).not.toContain(before);
    });

    test("is replaced ahead of time when a setting changes, and goes with its group", async () => {
      const stage = await openStage(stand.engine, stand.image);
      const group = await stage.group("family", named, small);
      stage.installation.runs.keepWarm(group);
      await settled(stage, "family warm idle");
      const before = waiting(stage, "family");
      await set(stage, group, { pids: 77 });
      await vi.waitFor(() => expect([before, undefined]).not.toContain(waiting(stage, "family")), { timeout: 20_000 });
      await changeGroups(stage.home, (groups) => groups.filter(({ folder }) => folder !== "family"));
      await settled(stage);
      expect(await stage.containers()).toEqual([]);
    });

    test("one that ends by itself is not missed", async () => {
      const stage = await openStage(stand.engine, stand.image);
      const group = await stage.group("family", named, small);
      stage.installation.runs.keepWarm(group);
      await settled(stage, "family warm idle");
      for (const { id } of await stand.engine.list({ [labels.home]: stage.home.label })) await stand.engine.kill(id, "SIGKILL");
      await settled(stage);
      expect((await warm(stage, group)).record).toMatchObject({ mode: "cold", outcome: "success" });
    });

    test("one whose engine was lost while it was made is removed when the engine is back", async () => {
      const started = Promise.withResolvers<void>();
      const lost = async (id: string): Promise<void> => {
        await stand.engine.start(id);
        started.resolve();
        throw new NovaError("ENGINE_LOST", "The answer did not come.");
      };
      const stage = await openStage({ ...stand.engine, start: lost }, stand.image);
      stage.installation.runs.keepWarm(await stage.group("family", "exec sleep 1000", small));
      await started.promise;
      await vi.waitFor(async () => expect(await stage.containers()).toEqual([]), { timeout: 20_000 });
      await settled(stage);
    });

    test("leave for work, the longest unused first, and stay within their number", async () => {
      const stage = await openStage(stand.engine, stand.image, { NOVABOT_MAX_CONTAINERS: "3", NOVABOT_MAX_WARM: "2" });
      const groups: Group[] = [];
      for (const folder of ["a", "b", "c"]) groups.push(await stage.group(folder, named, small));
      for (const group of groups) {
        stage.installation.runs.keepWarm(group);
        await vi.waitFor(() => expect(waiting(stage, group.folder)).toBeTruthy(), { timeout: 20_000 });
      }
      await settled(stage, "b warm idle", "c warm idle");
      const long = `${polite}\nframe begun\nuntil [ -e /workspace/group/go ]; do sleep 0.05; done\nframe done`;
      const workers = [await stage.group("x", long, small), await stage.group("y", long, small)];
      const running = workers.map(async (group) => {
        const begun = Promise.withResolvers<void>();
        return { begun: begun.promise, end: stage.run(group, { onOutput: () => begun.resolve() }) };
      });
      const both = await Promise.all(running);
      await Promise.all(both.map(async ({ begun }) => await begun));
      expect(states(stage)).toEqual(["c warm idle"]);
      expect(await stage.containers()).toHaveLength(3);
      for (const { folder } of workers) await writeFile(join(stage.home.groups, folder, "go"), "");
      await Promise.all(both.map(async ({ end }) => await end));
    });

    test("none where there is no memory for them, and none where they are switched off", async () => {
      for (const env of [{ NOVABOT_WARM_MEMORY: "63m" }, { NOVABOT_MAX_WARM: "0" }]) {
        const stage = await openStage(stand.engine, stand.image, env);
        const group = await stage.group("family", named, small);
        expect((await warm(stage, group)).record.mode).toBe("cold");
        expect((await warm(stage, group)).record.mode).toBe("cold");
        await stage.installation.runs.close();
        expect(states(stage)).toEqual([]);
      }
    });

    test("those of a host that died are removed by the next", async () => {
      const stage = await openStage(stand.engine, stand.image);
      for (const folder of ["one", "two"]) await stage.group(folder, named, small);
      const host = spawn(process.execPath, [waitingHost, stand.engine.name, stand.under.socket, stage.home.root, stand.image], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const died = once(host, "exit");
      onTestFinished(async () => {
        host.kill("SIGKILL");
        await died;
      });
      await Promise.race([once(host.stdout, "data"), died]);
      expect(await stage.containers()).toHaveLength(2);
      host.kill("SIGKILL");
      await died;
      // Some end by themselves when nobody holds their input any more, and some are not through with that.
      const next = await Installation.open({
        home: stage.home,
        engine: stand.under.connect(),
        env: {},
        logger: pino({ level: "silent" }),
      });
      onTestFinished(async () => await next.close());
      await next.cleanUp();
      expect(await stage.containers()).toEqual([]);
    });
  });
}
