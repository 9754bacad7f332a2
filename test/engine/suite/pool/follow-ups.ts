import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LiveRun } from "../../../../src/agents/run/request.ts";
import { INPUT_TARGET } from "../../../../src/model/workspace.ts";
import { openStage, patient } from "../../../fixtures/stage.ts";
import { kept, named, small, type PoolStand } from "./stand.ts";

/** What is handed to an agent at work. */
export function describeFollowUps(stand: PoolStand): void {
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
        const stage = await openStage(stand.engine, stand.able);
        const script = mode === "cold" ? talkative.replace(/serve$/, "read -r input; field nonce; field run; answer") : talkative;
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
              await Promise.all(["one", "two", "end", "late"].map(async (text) => await begun.hand({ id: `id-${text}`, text })));
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
      const stage = await openStage(stand.engine, stand.able);
      const list = `${patient}\nanswer() { final "$(ls ${INPUT_TARGET} | tr '\\n' ' ')"; }\nserve`;
      const group = await stage.group("family", list, small);
      await kept(stage, group);
      await writeFile(join(stage.home.data, "ipc/family/input/0000000001-0badcafe.json"), "{}");
      expect((await kept(stage, group)).result).toBe("");
    });

    test("other images and other agents take none", async () => {
      const plain = await openStage(stand.engine, stand.image);
      const seen: boolean[] = [];
      const onLive = ({ takesFollowUps }: LiveRun): void => void seen.push(takesFollowUps);
      await plain.run(await plain.group("family", named, small), { onLive });
      const stage = await openStage(stand.engine, stand.able);
      const group = await stage.group("family", named, small);
      await stage.run({ ...group, agent: "demo" }, { onLive });
      expect(seen).toEqual([false, false]);
    });
  });
}
