import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { labels } from "../../../../src/engine/spec.ts";
import { callServe, watchServe } from "../../../../src/host/serve/control-client.ts";
import { polite } from "../../../fixtures/stage.ts";
import { echo, texts } from "./scripts.ts";
import { answers, end, message, serveToTheEnd, type LiveStand } from "./stand.ts";

/** Hosts and engines that stop and come back: what waited is answered once. */
export function describeRestarts(stand: LiveStand): void {
  test("a message that is delivered again is answered once, also after a restart", async () => {
    const home = await stand.makeHome(echo);
    const first = await stand.startChild(home);
    const deliver = async (): Promise<unknown> => await callServe(home, "/v1/deliver", message("family", "one"));
    expect(await Promise.all([deliver(), deliver(), deliver()])).toEqual(
      expect.arrayContaining([expect.objectContaining({ accepted: true }), expect.objectContaining({ accepted: false })]),
    );
    await end(first.process, "SIGKILL");
    const second = await stand.startChild(home);
    expect(await deliver()).toMatchObject({ accepted: false });
    await end(second.process, "SIGTERM");
    expect(answers(await serveToTheEnd(stand, home))).toEqual(["one"]);
  });

  test("stopped in order in the middle of a run: the message is answered at the next start, without a word about it", async () => {
    const home = await stand.makeHome(echo);
    const hang = join(home.groups, "family/hang");
    await writeFile(hang, "");
    const child = await stand.startChild(home, "answering");
    await callServe(home, "/v1/deliver", message("family", "one"));
    await child.said("stopped");
    expect(await end(child.process, "SIGTERM")).toBe(0);
    expect(await stand.under.engine.list({ [labels.home]: home.label })).toEqual([]);
    await rm(hang);
    expect((await serveToTheEnd(stand, home)).map(({ text }) => text)).toEqual(["one"]);
  });

  test("stopped with patience: who waits for an answer sees it come, and new messages are refused", async () => {
    const home = await stand.makeHome(`${polite}\n${texts}\nwhile [ -e hang ]; do sleep 0.05; done\nframe "$(texts "$input")"`);
    const hang = join(home.groups, "family/hang");
    await writeFile(hang, "");
    const { serve } = await stand.serveHere(home);
    await serve.queue.deliver(message("family", "one"));
    await vi.waitFor(() => expect(serve.queue.runOf("family")).not.toBeNull(), { timeout: 20_000 });
    const heard: string[] = [];
    const watching = (async () => {
      const path = `/v1/chats/${encodeURIComponent("family@g.us")}/messages?after=0`;
      for await (const { event } of watchServe(home, path, new AbortController().signal)) heard.push(event);
    })();
    await expect.poll(() => heard).toContain("ready");
    const closing = serve.close(new AbortController().signal);
    const refused = async (): Promise<unknown> =>
      await callServe(home, "/v1/deliver", message("family", "two")).catch((error: unknown) => error);
    await expect.poll(refused).toMatchObject({ message: expect.stringContaining("being stopped") as string });
    expect(await callServe(home, "/v1/status")).toMatchObject({ groups: [{ group: "family" }] });
    await rm(hang);
    await closing;
    await watching;
    expect(heard).toEqual(["ready", "message", "over"]);
    await expect(callServe(home, "/v1/status")).rejects.toMatchObject({ code: "SERVE_NOT_RUNNING" });
  });

  test("an engine that goes away and comes back: its messages wait, status says why, and each is answered once", async () => {
    const home = await stand.makeHome(echo, ["family", "work"]);
    const { serve } = await stand.serveHere(home, { runBackoff: () => 500 });
    await serve.queue.deliver(message("family", "one"));
    await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 20_000 });
    await stand.under.daemon.kill("SIGKILL");
    try {
      for (const id of ["two", "three"]) for (const folder of ["family", "work"]) await serve.queue.deliver(message(folder, id));
      await vi.waitFor(
        () =>
          expect(serve.status().groups).toMatchObject(
            ["family", "work"].map((group) => ({ group, waiting: 2, reason: expect.stringContaining("engine") as string })),
          ),
        { timeout: 20_000, interval: 20 },
      );
    } finally {
      await stand.under.daemon.start();
    }
    await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0, failures: [] }), {
      timeout: 60_000,
      interval: 50,
    });
    for (const [folder, expected] of [
      ["family", ["one", "two", "three"]],
      ["work", ["two", "three"]],
    ] as const) {
      const said = (await serve.localChats.messages(`${folder}@g.us`, 0)).map((added) => added.message.text);
      expect(said.flatMap((text) => text.split("+"))).toEqual(expected);
    }
  }, 150_000);

  test("two on one home: the second refuses and says who holds it", async () => {
    const home = await stand.makeHome(echo);
    const child = await stand.startChild(home);
    await expect(stand.serveHere(home)).rejects.toMatchObject({
      code: "HOME_BUSY",
      message: expect.stringContaining(`process ${child.process.pid} on `) as string,
      facts: { pid: child.process.pid },
    });
    expect(await callServe(home, "/v1/deliver", message("family", "one"))).toMatchObject({ accepted: true });
    await end(child.process, "SIGKILL");
    expect(answers(await serveToTheEnd(stand, home))).toEqual(["one"]);
  });
}
