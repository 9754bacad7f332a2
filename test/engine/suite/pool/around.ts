import { mkdir, readFile, readdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pino from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { liveRuns, requestCancel } from "../../../../src/agents/run/live-runs.ts";
import type { Engine } from "../../../../src/engine/engine.ts";
import { Installation } from "../../../../src/host/installation.ts";
import { buildScriptImage, openStage, patient, polite } from "../../../fixtures/stage.ts";
import { kept, named, serving, settled, small, waiting, warm, type PoolStand } from "./stand.ts";

/** What surrounds waiting containers: tokens, the main group, guards, other processes, mounts, and an engine that goes away. */
export function describeAround(stand: PoolStand): void {
  test("each run has its own token at the container's door, and the key stays outside", async () => {
    const stage = await openStage(stand.engine, stand.able, { LOG_LEVEL: "debug" });
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
    const stage = await openStage(stand.engine, stand.able);
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
      return await stand.engine.findImage(reference);
    };
    const stage = await openStage({ ...stand.engine, findImage: counting }, stand.image);
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
    const stage = await openStage(stand.engine, stand.able);
    const skip = `${patient}\nanswer() { case $input in *'"guard":"exit 1"'*) raw "{\\"status\\":\\"success\\",\\"result\\":null,\\"skipped\\":true,\\"final\\":true,\\"nonce\\":\\"$nonce\\",\\"run\\":\\"$run\\"}";; esac; }\nserve`;
    const group = await stage.group("family", skip, small);
    const { skipped, result, record } = await kept(stage, group, { guard: "exit 1", task: "t1", ownSession: true });
    expect({ skipped, result }).toEqual({ skipped: true, result: null });
    expect(record).toMatchObject({ outcome: "success", skipped: true, task: "t1", ownSession: true });
    const plain = await openStage(stand.engine, await buildScriptImage(stand.engine, stand.under.image, null));
    await expect(plain.run(await plain.group("family", "", small), { guard: "true" })).rejects.toMatchObject({
      code: "NOT_SUPPORTED",
    });
  });

  test("another process finds a run and cancels it", async () => {
    const stage = await openStage(stand.engine, stand.image);
    const group = await stage.group("family", `${polite}\ntrap 'exit 143' TERM\nframe begun\nsleep 300 & wait`, small);
    const begun = Promise.withResolvers<void>();
    const running = stage.run(group, { onOutput: () => begun.resolve() });
    await begun.promise;
    const other = await Installation.open({
      home: stage.home,
      engine: stand.under.connect(),
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
    const stage = await openStage(stand.engine, stand.image);
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
    const writes = waiting(stage, "outer");
    await stage.group("outer", named, small);
    const inner = await stage.group("inner", named, { ...small, additionalMounts: [{ hostPath: join(shared, "inner") }] });
    expect((await stage.run(inner)).record.outcome).toBe("success");
    // Another that may not write there is made in its place, sooner or later.
    expect(await stage.containers()).not.toContain(writes);
  });

  test("an engine that goes away takes its waiting containers with it", async () => {
    const stage = await openStage(stand.engine, stand.able);
    const group = await stage.group("family", serving, small);
    const first = await kept(stage, group);
    stage.installation.runs.keepWarm(await stage.group("other", named, small));
    await settled(stage, "family persistent idle", "other warm idle");
    await stand.under.daemon.kill("SIGKILL");
    await settled(stage);
    await expect(kept(stage, group)).rejects.toMatchObject({ code: "ENGINE_LOST" });
    await stand.under.daemon.start();
    const second = await kept(stage, group);
    expect(second.record).toMatchObject({ outcome: "success", result: expect.stringMatching(/ 1$/) });
    expect(second.record.container).not.toBe(first.record.container);
    await vi.waitFor(async () => expect(await stage.containers()).toEqual([second.record.container]), { timeout: 20_000 });
  });
}
