import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { labels } from "../../../../src/engine/spec.ts";
import { callServe } from "../../../../src/host/serve/control-client.ts";
import { echo } from "./scripts.ts";
import { message, type LiveStand } from "./stand.ts";

/** Runs that are cancelled or fail, and a chat that fails. */
export function describeFailures(stand: LiveStand): void {
  test("cancelled: the run is over within the grace time, and the next message is answered", async () => {
    const home = await stand.makeHome(`trap '' TERM\n${echo}`);
    const hang = join(home.groups, "family/hang");
    await writeFile(hang, "");
    const { serve } = await stand.serveHere(home);
    await serve.queue.deliver(message("family", "one"));
    await vi.waitFor(() => expect(serve.queue.runOf("family")).not.toBeNull(), { timeout: 20_000 });
    const since = performance.now();
    expect(await callServe(home, "/v1/cancel", { name: "family" })).toMatchObject({ stopped: [{ group: "family" }] });
    expect(performance.now() - since).toBeLessThan(20_000);
    expect(await stand.under.engine.list({ [labels.home]: home.label })).toEqual([]);
    await rm(hang);
    await serve.queue.deliver(message("family", "two"));
    await vi.waitFor(
      async () =>
        expect((await serve.localChats.messages("family@g.us", 0)).map((added) => added.message.text)).toEqual([
          "This was cancelled before it was answered.",
          "two",
        ]),
      { timeout: 20_000 },
    );
  });

  test("an agent that fails is tried again, then the chat is told; one that recovers answers", async () => {
    const home = await stand.makeHome(`echo ran >>tries; exit 3`, ["family", "work"]);
    await writeFile(join(home.groups, "work/agent.sh"), `echo x >>tries; [ $(wc -l <tries) -lt 3 ] && exit 3\n${echo}`);
    const { serve, events } = await stand.serveHere(home);
    await Promise.all(["family", "work"].map(async (folder) => await serve.queue.deliver(message(folder, "one"))));
    await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 40_000, interval: 50 });
    expect(events.filter((event) => event.kind === "begun" && event.group === "family")).toHaveLength(5);
    const told = await serve.localChats.messages("family@g.us", 0);
    expect(told.map((added) => added.message)).toMatchObject([
      { kind: "notice", text: expect.stringContaining("after 5 tries") as string },
    ]);
    expect(serve.status().failures).toMatchObject([{ group: "family", id: "family-one", outcome: "failed" }]);
    expect((await serve.localChats.messages("work@g.us", 0)).map((added) => added.message.text)).toEqual(["one"]);
  });

  test("a chat that fails and recovers gets every answer once, in order", async () => {
    const home = await stand.makeHome(echo);
    let sends = 0;
    const { serve, events } = await stand.serveHere(home, {
      chats: (local) => ({
        async send(outgoing) {
          sends += 1;
          // Sometimes before, sometimes after the chat has it.
          if (sends % 3 === 1) throw new Error("away");
          await local.send(outgoing);
          if (sends % 3 === 2) throw new Error("away again");
        },
      }),
    });
    for (const id of ["one", "two", "three"]) {
      await serve.queue.deliver(message("family", id));
      await delay(300);
    }
    await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 20_000, interval: 20 });
    const said = (await serve.localChats.messages("family@g.us", 0)).map((added) => added.message.text);
    expect(said.flatMap((text) => text.split("+"))).toEqual(["one", "two", "three"]);
    expect(events.map(({ kind }) => kind)).toContain("unsent");
  });
}
