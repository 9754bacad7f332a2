import { describe, expect, test } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import type { ContainerConfig, Group } from "../../../../src/model/group.ts";
import { openStage, patient } from "../../../fixtures/stage.ts";
import { kept, named, serving, settled, small, states, type PoolStand } from "./stand.ts";

/** Containers that serve run after run, and when they go. */
export function describeKept(stand: PoolStand): void {
  describe("kept", () => {
    test("one container serves many runs, and goes when the host closes", async () => {
      const stage = await openStage(stand.engine, stand.able);
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
      const stage = await openStage(stand.engine, stand.image);
      const group = await stage.group("family", named, { ...small, mode: "persistent" });
      await kept(stage, group);
      await settled(stage, "family warm idle");
      expect((await kept(stage, group)).record.mode).toBe("warm");
    });

    test("the nonce or the id of an earlier run is worth nothing, and ends the container's service", async () => {
      const stage = await openStage(stand.engine, stand.able);
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
      const stage = await openStage(stand.engine, stand.able);
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
      const stage = await openStage(stand.engine, stand.able);
      const script = `${patient}\nanswer() { if [ "$prompt" = hang ]; then frame begun; sleep 300 & wait; else final fine; fi; }\nserve`;
      // Only what hangs is hurried: the others wait for their container to begin.
      const within = async (timeout: number): Promise<Group> => await stage.group("family", script, { ...small, timeout });
      const first = await kept(stage, await within(60_000));
      const cancelling = new AbortController();
      const hung = await kept(stage, await within(outcome === "timeout" ? 1500 : 60_000), {
        prompt: "hang",
        signal: cancelling.signal,
        onOutput: () => outcome === "cancelled" && cancelling.abort(),
      });
      expect(hung.record).toMatchObject({ outcome, exitCode: 143, container: first.record.container });
      expect(await stage.containers()).toEqual([]);
      expect((await kept(stage, await within(60_000))).result).toBe("fine");
    });

    test("serves no more than its number of runs, and not beyond its age or its idle time", async () => {
      const stage = await openStage(stand.engine, stand.able);
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
      const stage = await openStage(stand.engine, stand.able);
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
}
