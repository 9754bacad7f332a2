import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, readdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { changeGroups } from "../../../src/agents/groups/registry.ts";
import { liveRuns, requestCancel } from "../../../src/agents/run/live-runs.ts";
import type { LiveRun, RunRequest } from "../../../src/agents/run/request.ts";
import type { RunResult } from "../../../src/agents/run/report.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { labels } from "../../../src/engine/spec.ts";
import { Installation } from "../../../src/host/installation.ts";
import { NovaError } from "../../../src/model/errors.ts";
import type { ContainerConfig, Group } from "../../../src/model/group.ts";
import { INPUT_TARGET } from "../../../src/model/workspace.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { buildScriptImage, openStage, patient, polite, type Stage } from "../../fixtures/stage.ts";

const waitingHost = fileURLToPath(new URL("../../fixtures/waiting-host.ts", import.meta.url));
const small = { memory: "64m", network: "none" } as const;
/** Says which container it is: with the network of its own, a container's host name is its id's beginning or its name. */
const named = `${polite}\nframe "$HOSTNAME"`;
const serving = `${patient}\nanswer() { n=$((n + 1)); final "$HOSTNAME $n"; }\nserve`;

/** Warm containers, containers that are kept, follow-ups and cancelling, on a real engine. */
export function describePool(name: string, open: () => Promise<TestEngine>): void {
  describe(`waiting containers on ${name}`, () => {
    let under: TestEngine;
    let engine: Engine;
    let image: string;
    let able: string;

    beforeAll(async () => {
      under = await open();
      engine = under.engine;
      image = await buildScriptImage(engine, under.image, "2");
      able = await buildScriptImage(engine, under.image, "2", { abilities: ["persistent", "follow-ups"] });
    });

    afterAll(async () => await under?.dispose());

    const warm = async (stage: Stage, group: Group, request: Partial<RunRequest> = {}): Promise<RunResult> =>
      await stage.run(group, { mode: "warm", ...request });
    const kept = async (stage: Stage, group: Group, request: Partial<RunRequest> = {}): Promise<RunResult> =>
      await stage.run(group, { mode: "persistent", ...request });
    const states = (stage: Stage): string[] =>
      stage.installation.runs.pool
        .status()
        .map(({ group, mode, state }) => `${group} ${mode} ${state}`)
        .toSorted();
    const settled = async (stage: Stage, ...expected: readonly string[]): Promise<void> =>
      await vi.waitFor(() => expect(states(stage)).toEqual(expected), { timeout: 20_000, interval: 20 });
    const waiting = (stage: Stage, folder: string): string | null | undefined =>
      stage.installation.runs.pool.status().find(({ group, state }) => group === folder && state === "idle")?.container;

    describe("warm", () => {
      test("one is made ahead, used once, and another takes its place", async () => {
        const stage = await openStage(engine, image);
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
        const stage = await openStage(engine, image);
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
        const stage = await openStage(engine, image);
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
            await buildScriptImage(engine, under.image, "2", {
              tag: "novabot-test-moving:latest",
              lines: ["RUN echo marked > /mark"],
            });
            return group;
          },
          /marked/,
        ],
      ];
      test.each(changes)("does not serve after %s was changed", async (_, change, expected) => {
        const moving = await buildScriptImage(engine, under.image, "2", { tag: "novabot-test-moving:latest" });
        const stage = await openStage(engine, moving);
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
        const stage = await openStage(engine, image);
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
        const stage = await openStage(engine, image);
        const group = await stage.group("family", named, small);
        stage.installation.runs.keepWarm(group);
        await settled(stage, "family warm idle");
        for (const { id } of await engine.list({ [labels.home]: stage.home.label })) await engine.kill(id, "SIGKILL");
        await settled(stage);
        expect((await warm(stage, group)).record).toMatchObject({ mode: "cold", outcome: "success" });
      });

      test("one whose engine was lost while it was made is removed when the engine is back", async () => {
        const started = Promise.withResolvers<void>();
        const lost = async (id: string): Promise<void> => {
          await engine.start(id);
          started.resolve();
          throw new NovaError("ENGINE_LOST", "The answer did not come.");
        };
        const stage = await openStage({ ...engine, start: lost }, image);
        stage.installation.runs.keepWarm(await stage.group("family", "exec sleep 1000", small));
        await started.promise;
        await vi.waitFor(async () => expect(await stage.containers()).toEqual([]), { timeout: 5000 });
        expect(states(stage)).toEqual([]);
      });

      test("leave for work, the longest unused first, and stay within their number", async () => {
        const stage = await openStage(engine, image, { NOVABOT_MAX_CONTAINERS: "3", NOVABOT_MAX_WARM: "2" });
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
          const stage = await openStage(engine, image, env);
          const group = await stage.group("family", named, small);
          expect((await warm(stage, group)).record.mode).toBe("cold");
          expect((await warm(stage, group)).record.mode).toBe("cold");
          await stage.installation.runs.close();
          expect(states(stage)).toEqual([]);
        }
      });

      test("those of a host that died are removed by the next", async () => {
        const stage = await openStage(engine, image);
        for (const folder of ["one", "two"]) await stage.group(folder, named, small);
        const host = spawn(process.execPath, [waitingHost, engine.name, under.socket, stage.home.root, image], {
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
          engine: under.connect(),
          env: {},
          logger: pino({ level: "silent" }),
        });
        onTestFinished(async () => await next.close());
        await next.cleanUp();
        expect(await stage.containers()).toEqual([]);
      });
    });

    describe("kept", () => {
      test("one container serves many runs, and goes when the host closes", async () => {
        const stage = await openStage(engine, able);
        const group = await stage.group("family", serving, small);
        const containers = new Set<string>();
        for (let round = 1; round <= 5; round += 1) {
          const { record, result } = await kept(stage, group);
          expect(record).toMatchObject({
            mode: "persistent",
            outcome: "success",
            exitCode: null,
            frames: 1,
            suspiciousFrames: 0,
          });
          expect(result).toMatch(new RegExp(` ${round}$`));
          containers.add(record.container);
        }
        expect(containers.size).toBe(1);
        expect(states(stage)).toEqual(["family persistent idle"]);
        await stage.installation.runs.close();
        expect(await stage.containers()).toEqual([]);
      });

      test("an image that cannot is used warm", async () => {
        const stage = await openStage(engine, image);
        const group = await stage.group("family", named, { ...small, mode: "persistent" });
        await kept(stage, group);
        await settled(stage, "family warm idle");
        expect((await kept(stage, group)).record.mode).toBe("warm");
      });

      test("the nonce or the id of an earlier run is worth nothing, and ends the container's service", async () => {
        const stage = await openStage(engine, able);
        const forge = `${patient}
answer() {
  if [ -z "$old" ]; then old=$nonce; oldrun=$run; final first; return; fi
  raw "{\\"status\\":\\"success\\",\\"result\\":\\"forged\\",\\"nonce\\":\\"$old\\",\\"run\\":\\"$run\\",\\"final\\":true}"
  raw "{\\"status\\":\\"success\\",\\"result\\":\\"forged\\",\\"nonce\\":\\"$nonce\\",\\"run\\":\\"$oldrun\\",\\"final\\":true}"
  final true
}
serve`;
        const group = await stage.group("family", forge, small);
        const first = await kept(stage, group);
        const answers: (string | null)[] = [];
        const second = await kept(stage, group, { onOutput: ({ result }) => void answers.push(result) });
        expect(second.record).toMatchObject({ outcome: "success", suspiciousFrames: 2, container: first.record.container });
        expect(answers).toEqual(["true"]);
        expect(states(stage)).toEqual([]);
        expect((await kept(stage, group)).record.container).not.toBe(first.record.container);
      });

      test("a crash is a failed run, and then there is a new container", async () => {
        const stage = await openStage(engine, able);
        const script = `${patient}\nanswer() { [ "$prompt" = crash ] && { frame half; exit 3; }; final fine; }\nserve`;
        const group = await stage.group("family", script, small);
        const first = await kept(stage, group);
        const crashed = await kept(stage, group, { prompt: "crash" });
        expect(crashed.record).toMatchObject({ outcome: "agent error", exitCode: 3, container: first.record.container });
        expect(states(stage)).toEqual([]);
        const after = await kept(stage, group);
        expect(after.record).toMatchObject({ outcome: "success", result: "fine" });
        expect(after.record.container).not.toBe(first.record.container);
      });

      test.each(["timeout", "cancelled"] as const)("a run that is %s ends its container", async (outcome) => {
        const stage = await openStage(engine, able);
        const script = `${patient}\nanswer() { if [ "$prompt" = hang ]; then frame begun; sleep 300 & wait; else final fine; fi; }\nserve`;
        const group = await stage.group("family", script, { ...small, timeout: outcome === "timeout" ? 1500 : 60_000 });
        const first = await kept(stage, group);
        const cancelling = new AbortController();
        const hung = await kept(stage, group, {
          prompt: "hang",
          signal: cancelling.signal,
          onOutput: () => outcome === "cancelled" && cancelling.abort(),
        });
        expect(hung.record).toMatchObject({ outcome, exitCode: 143, container: first.record.container });
        expect(await stage.containers()).toEqual([]);
        expect((await kept(stage, group)).result).toBe("fine");
      });

      test("serves no more than its number of runs, and not beyond its age or its idle time", async () => {
        const stage = await openStage(engine, able);
        const names = async (persistent: ContainerConfig["persistent"], rounds: number): Promise<number> => {
          const group = await stage.group("family", serving, { ...small, persistent: persistent! });
          const seen = new Set<string>();
          for (let round = 0; round < rounds; round += 1) seen.add((await kept(stage, group)).record.container);
          return seen.size;
        };
        expect(await names({ maxRuns: 2 }, 5)).toBe(3);
        for (const limit of ["idleTimeout", "maxAge"]) {
          await names({ [limit]: 1000 }, 1);
          await settled(stage);
          expect(await stage.containers()).toEqual([]);
        }
      });

      test("is replaced when a setting changes, and goes with its group", async () => {
        const stage = await openStage(engine, able);
        const first = await kept(stage, await stage.group("family", serving, small));
        const changed = await stage.group("family", serving, { ...small, pids: 77 });
        const second = await kept(stage, changed);
        expect(second.record.container).not.toBe(first.record.container);
        expect(await stage.containers()).toEqual([second.record.container]);
        await stage.run(changed);
        expect(await stage.containers()).toEqual([]);
        await kept(stage, changed);
        await changeGroups(stage.home, () => []);
        await settled(stage);
        expect(await stage.containers()).toEqual([]);
      });
    });

    describe("follow-ups", () => {
      // Takes what comes until one says "end", and leaves what comes after it.
      const talkative = `${patient}
answer() {
  while :; do
    for file in ${INPUT_TARGET}/*.json; do
      [ -e "$file" ] || continue
      input=$(cat "$file"); rm "$file"; field id; field text
      raw "{\\"status\\":\\"success\\",\\"result\\":null,\\"accepted\\":[\\"$id\\",\\"made-up\\"],\\"nonce\\":\\"$nonce\\",\\"run\\":\\"$run\\"}"
      frame "you said $text"
      [ "$text" = end ] && { final bye; return; }
    done
    sleep 0.02
  done
}
serve`;

      test.each(["cold", "persistent"] as const)(
        "reach an agent at work in a %s container, in order; the others are taken back",
        async (mode) => {
          const stage = await openStage(engine, able);
          const script =
            mode === "cold" ? talkative.replace(/serve$/, "read -r input; field nonce; field run; answer") : talkative;
          const group = await stage.group("family", script, small);
          const answers: (string | null)[] = [];
          const told: string[] = [];
          let live: LiveRun | undefined;
          const { accepted, record, result } = await stage.run(group, {
            mode,
            messages: ["m0"],
            onLive(begun) {
              live = begun;
              void (async () => {
                await Promise.all(
                  ["one", "two", "end", "late"].map(async (text) => await begun.hand({ id: `id-${text}`, text })),
                );
              })();
            },
            onAccepted: (id) => void told.push(id),
            onOutput: (output) => void answers.push(output.result),
          });
          expect(live).toMatchObject({ id: record.id, takesFollowUps: true });
          expect(accepted).toEqual(["id-one", "id-two", "id-end"]);
          expect(told).toEqual(accepted);
          expect(answers).toEqual(["you said one", "you said two", "you said end", "bye"]);
          expect(result).toBe("bye");
          expect(record.messages).toEqual(["m0", "id-one", "id-two", "id-end"]);
          expect(await readdir(join(stage.home.data, "ipc/family/input"))).toEqual([]);
          await expect(live!.hand({ id: "too late", text: "x" })).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
        },
      );

      test("what a host that died had handed does not reach the next run", async () => {
        const stage = await openStage(engine, able);
        const list = `${patient}\nanswer() { final "$(ls ${INPUT_TARGET} | tr '\\n' ' ')"; }\nserve`;
        const group = await stage.group("family", list, small);
        await kept(stage, group);
        await writeFile(join(stage.home.data, "ipc/family/input/0000000001-0badcafe.json"), "{}");
        expect((await kept(stage, group)).result).toBe("");
      });

      test("other images and other agents take none", async () => {
        const plain = await openStage(engine, image);
        const seen: boolean[] = [];
        const onLive = ({ takesFollowUps }: LiveRun): void => void seen.push(takesFollowUps);
        await plain.run(await plain.group("family", named, small), { onLive });
        const stage = await openStage(engine, able);
        const group = await stage.group("family", named, small);
        await stage.run({ ...group, agent: "demo" }, { onLive });
        expect(seen).toEqual([false, false]);
      });
    });

    test("each run has its own token at the container's door, and the key stays outside", async () => {
      const stage = await openStage(engine, able, { LOG_LEVEL: "debug" });
      const key = "sk-ant-api03-canary-canary-canary";
      await writeFile(stage.home.envFile, `ANTHROPIC_API_KEY=${key}\n`);
      const script = `${patient}
answer() {
  field ANTHROPIC_API_KEY
  [ -S /workspace/gateway/gateway.sock ] && socket=yes
  seen=$(grep -rl canary /workspace /proc/self/environ 2>/dev/null | grep -v agent.sh)
  final "$ANTHROPIC_API_KEY socket=$socket seen=$seen"
}
serve`;
      const group = await stage.group("family", script, { memory: "64m" });
      const doors = join(stage.home.host, "gateway");
      const tokens = new Set<string | undefined>();
      for (const mode of ["cold", "persistent", "persistent", "persistent"] as const) {
        if (mode === "cold")
          await stage.group("family", script.replace(/serve$/, "read -r input; field nonce; field run; answer"), {
            memory: "64m",
          });
        else await stage.group("family", script, { memory: "64m" });
        const { result, record } = await stage.run(group, { mode });
        expect(record).toMatchObject({ outcome: "success", mode, usage: { requests: 0 }, denied: [] });
        expect(result).toMatch(/^sk-ant-\S{20,} socket=yes seen=$/);
        const token = result?.split(" ")[0];
        expect(token).not.toBe(key);
        tokens.add(token);
        const log = await readFile(record.logFile!, "utf8");
        for (const text of [log, JSON.stringify(record)]) {
          expect(text).not.toContain(token);
          expect(text).not.toContain(key);
        }
        expect((await readdir(doors)).length).toBe(mode === "cold" ? 0 : 1);
      }
      expect(tokens.size).toBe(4);
      await stage.installation.runs.close();
      expect(await readdir(doors)).toEqual([]);
    });

    test("main's containers wait as others do, and see what changed in the home", async () => {
      const stage = await openStage(engine, able);
      await writeFile(join(stage.home.root, "notes.md"), "old");
      const main = await stage.group(
        "main",
        `${patient}\nanswer() { final "$(cat /workspace/project/notes.md) $(ls /workspace/project/groups | tr '\\n' ' ')"; }\nserve`,
        small,
      );
      const first = await kept(stage, main);
      expect(first.result).toBe("old global main ");
      expect((await kept(stage, main)).record.container).toBe(first.record.container);
      await writeFile(join(stage.home.root, "notes.new"), "new");
      await rename(join(stage.home.root, "notes.new"), join(stage.home.root, "notes.md"));
      expect((await kept(stage, main)).result).toBe("new global main ");
      await stage.group("family", named, small);
      expect((await kept(stage, main)).result).toBe("new family global main ");
      stage.installation.runs.keepWarm(await stage.group("main", `${polite}\nframe "$(cat /workspace/project/notes.md)"`, small));
      await stage.run(main);
      expect((await warm(stage, main)).record.mode).toBe("cold");
      await settled(stage, "main warm idle");
      expect((await warm(stage, main)).record).toMatchObject({ mode: "warm", result: "new" });
    });

    test("the engine is asked of the image once for a run that is expected, and anew for one that comes later", async () => {
      let asked = 0;
      const counting: Engine["findImage"] = async (reference) => {
        asked += 1;
        return await engine.findImage(reference);
      };
      const stage = await openStage({ ...engine, findImage: counting }, image);
      const group = await stage.group("family", named, small);
      const { runs } = stage.installation;
      runs.expect();
      runs.expect();
      await stage.run(group);
      expect(asked).toBe(1);
      await stage.run(group);
      expect(asked).toBe(2);
    });

    test("a guard's skip is a success without an answer, and an image that runs no guard is refused", async () => {
      const stage = await openStage(engine, able);
      const skip = `${patient}\nanswer() { case $input in *'"guard":"exit 1"'*) raw "{\\"status\\":\\"success\\",\\"result\\":null,\\"skipped\\":true,\\"final\\":true,\\"nonce\\":\\"$nonce\\",\\"run\\":\\"$run\\"}";; esac; }\nserve`;
      const group = await stage.group("family", skip, small);
      const { skipped, result, record } = await kept(stage, group, { guard: "exit 1", task: "t1", ownSession: true });
      expect({ skipped, result }).toEqual({ skipped: true, result: null });
      expect(record).toMatchObject({ outcome: "success", skipped: true, task: "t1", ownSession: true });
      const plain = await openStage(engine, await buildScriptImage(engine, under.image, null));
      await expect(plain.run(await plain.group("family", "", small), { guard: "true" })).rejects.toMatchObject({
        code: "NOT_SUPPORTED",
      });
    });

    test("another process finds a run and cancels it", async () => {
      const stage = await openStage(engine, image);
      const group = await stage.group("family", `${polite}\ntrap 'exit 143' TERM\nframe begun\nsleep 300 & wait`, small);
      const begun = Promise.withResolvers<void>();
      const running = stage.run(group, { onOutput: () => begun.resolve() });
      await begun.promise;
      const other = await Installation.open({
        home: stage.home,
        engine: under.connect(),
        env: {},
        logger: pino({ level: "silent" }),
      });
      onTestFinished(async () => await other.close());
      const [entry, ...more] = await liveRuns(stage.home, other.presence);
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ group: "family", host: stage.installation.presence.id });
      const askedAt = performance.now();
      await requestCancel(stage.home, entry!.run);
      expect((await running).record).toMatchObject({ id: entry!.run, outcome: "cancelled" });
      expect(performance.now() - askedAt).toBeLessThan(5000);
      expect(await liveRuns(stage.home, other.presence)).toEqual([]);
      await expect(requestCancel(stage.home, entry!.run)).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    });

    test("a mount inside what an idle container may write makes that one go", async () => {
      const stage = await openStage(engine, image);
      const shared = join(dirname(stage.home.root), "shared");
      await mkdir(join(shared, "inner"), { recursive: true });
      const file = join(dirname(stage.home.root), ".config/novabot/mount-allowlist.json");
      await mkdir(dirname(file), { recursive: true });
      await writeFile(
        file,
        JSON.stringify({
          allowedRoots: [{ path: shared, allowReadWrite: true, description: "test" }],
          blockedPatterns: [],
          nonMainReadOnly: false,
        }),
      );
      const outer = await stage.group("outer", named, {
        ...small,
        additionalMounts: [{ hostPath: shared, readonly: false }],
      });
      stage.installation.runs.keepWarm(outer);
      await settled(stage, "outer warm idle");
      await stage.group("outer", named, small);
      const inner = await stage.group("inner", named, { ...small, additionalMounts: [{ hostPath: join(shared, "inner") }] });
      expect((await stage.run(inner)).record.outcome).toBe("success");
      expect(states(stage).filter((state) => state === "outer warm idle")).toEqual([]);
    });

    test("an engine that goes away takes its waiting containers with it", async () => {
      const stage = await openStage(engine, able);
      const group = await stage.group("family", serving, small);
      const first = await kept(stage, group);
      stage.installation.runs.keepWarm(await stage.group("other", named, small));
      await settled(stage, "family persistent idle", "other warm idle");
      await under.daemon.kill("SIGKILL");
      await settled(stage);
      await expect(kept(stage, group)).rejects.toMatchObject({ code: "ENGINE_LOST" });
      await under.daemon.start();
      const second = await kept(stage, group);
      expect(second.record).toMatchObject({ outcome: "success", result: expect.stringMatching(/ 1$/) });
      expect(second.record.container).not.toBe(first.record.container);
      await vi.waitFor(async () => expect(await stage.containers()).toEqual([second.record.container]), { timeout: 20_000 });
    });
  });
}
