import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { describeHome, type Home } from "../../src/agents/home/home.ts";
import { callServe, watchServe } from "../../src/host/serve/control-client.ts";
import { type MessagesAPI, type MessagesRequest, startMessagesAPI } from "../fixtures/messages-api/server.ts";
import { serveHome } from "../fixtures/served-home.ts";

// The real Claude Code against a stand-in of the API on loopback, behind the broker of a real `novabot serve`.
let api: MessagesAPI;

/** Which messages the user's last turn asks about: `m1 m2`. */
function asked(request: MessagesRequest): string {
  const last = request.messages.findLast(({ role }) => role === "user");
  return [...JSON.stringify(last?.content).matchAll(/text of (m\d+)/g)].map(([, id]) => id).join(" ");
}

beforeAll(async () => {
  api = await startMessagesAPI("127.0.0.1", (request) => ({ text: `Answer to ${asked(request)}.` }));
});

afterAll(async () => await api?.close());

async function deliver(home: Home, id: string): Promise<void> {
  const message = { chatJid: "local:family", sender: "Ada", text: `text of ${id}`, id, timestamp: new Date().toISOString() };
  expect(await callServe(home, "/v1/deliver", message)).toMatchObject({ accepted: true });
}

test("messages around the end of Claude Code's run are answered once, in order: 50 ms before it, with it, 50 ms after it", async () => {
  const served = await serveHome([["family"]], {
    prepare: async (home) =>
      await writeFile(join(home, ".env"), `ANTHROPIC_API_KEY=sk-ant-test\nANTHROPIC_BASE_URL=http://127.0.0.1:${api.port}\n`),
  });
  const home = describeHome(served.home);
  const events: { readonly event: string; readonly at: number; readonly text: string }[] = [];
  const ending = new AbortController();
  const watching = (async () => {
    const path = `/v1/chats/${encodeURIComponent("local:family")}/messages?after=0`;
    for await (const { event, data } of watchServe(home, path, ending.signal)) {
      const { message } = data as { message?: { text: string } };
      events.push({ event, at: performance.now(), text: message?.text ?? "" });
    }
  })();
  const next = async (event: string, after: number): Promise<{ readonly at: number }> =>
    await vi.waitFor(
      () => {
        const found = events.slice(after).find((one) => one.event === event);
        if (!found) throw new Error(`no ${event}`);
        return found;
      },
      { timeout: 60_000, interval: 1 },
    );
  let count = 0;
  const say = async (): Promise<void> => await deliver(home, `m${(count += 1)}`);
  // How long after an answer the run is over; it is taken anew after each run.
  let closingMs = 0;
  for (const offset of [undefined, -50, 0, 50, -50, 0, 50]) {
    const begun = events.length;
    await say();
    const answer = await next("message", begun);
    if (offset === undefined) {
      closingMs = (await next("over", begun)).at - answer.at;
      continue;
    }
    await delay(Math.max(0, closingMs + offset - (performance.now() - answer.at)));
    await say();
    await say();
    await vi.waitFor(async () => expect(await callServe(home, "/v1/status")).toMatchObject({ groups: [], outbox: 0 }), {
      timeout: 60_000,
      interval: 20,
    });
  }
  const said = (): string[] =>
    events.flatMap(({ event, text }) => (event === "message" ? [...text.matchAll(/m\d+/g)].map(String) : []));
  const all = Array.from({ length: count }, (_, index) => `m${index + 1}`);
  // What is sent is heard by another connection than that which tells that it was.
  await expect.poll(said).toEqual(all);
  // Claude Code's session has them all, in their order: the last request shows it.
  const session = JSON.stringify(api.requests.at(-1)?.messages);
  expect([...session.matchAll(/text of (m\d+)/g)].map(([, id]) => id)).toEqual(all);
  expect(await served.stop()).toBe(0);
  ending.abort();
  await watching;
}, 180_000);
