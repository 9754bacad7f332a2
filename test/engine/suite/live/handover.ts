import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { talkative } from "./scripts.ts";
import { message, type LiveStand } from "./stand.ts";

/** What is handed over at the last moment. */
export function describeHandover(stand: LiveStand): void {
  test.each([-50, 0, 50])("a follow-up %i ms from the agent's closing is answered once, in order", async (offset) => {
    const groups = ["g1", "g2", "g3"];
    const home = await stand.makeHome(talkative, groups);
    const { serve, events } = await stand.serveHere(home, {}, { NOVABOT_AGENT_IMAGE: stand.able });
    const talk = async (folder: string): Promise<void> => {
      for (let round = 0; round < 8; round += 1) {
        const [first, second, third] = ["a", "b", "c"].map((letter) => message(folder, `${folder}-${round}${letter}`));
        const begun = events.length;
        await serve.queue.deliver(first);
        await vi.waitFor(
          () => expect(events.slice(begun)).toContainEqual(expect.objectContaining({ kind: "answered", group: folder })),
          {
            timeout: 20_000,
            interval: 2,
          },
        );
        await delay(300 + offset + ((round * 7) % 20));
        await Promise.all([serve.queue.deliver(second), serve.queue.deliver(third)]);
        await vi.waitFor(() => expect(serve.status().groups.filter(({ group }) => group === folder)).toEqual([]), {
          timeout: 20_000,
          interval: 5,
        });
      }
    };
    await Promise.all(groups.map(talk));
    for (const folder of groups) {
      const ids = Array.from({ length: 8 }, (_, round) => ["a", "b", "c"].map((letter) => `${folder}-${round}${letter}`)).flat();
      const said = (await serve.localChats.messages(`${folder}@g.us`, 0)).map((added) => added.message.text);
      expect(said.flatMap((text) => text.split("+"))).toEqual(ids);
    }
    const handed = events.filter(({ kind }) => kind === "handed").length;
    if (offset === -50) expect(handed).toBeGreaterThan(0);
  });
}
