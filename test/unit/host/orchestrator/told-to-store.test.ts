import pino from "pino";
import { expect, test } from "vitest";
import { type KeptMessage, ToldToStore } from "../../../../src/host/orchestrator/told-to-store.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { openHouseStore } from "../../../fixtures/kept-house.ts";

const message = (id: string): KeptMessage => ({
  ...{ id, chatJid: "local:family", group: "family", direction: "in", sender: "Ann", text: "hello", state: "waiting", run: null },
  ...{ atMs: 1, kind: "message" },
});

test("messages that are more than may wait are lost with a word", async () => {
  const { store } = await openHouseStore(await temporaryHome());
  const lines: string[] = [];
  const into = new ToldToStore(store, pino({ level: "error" }, { write: (line: string) => void lines.push(line) }));
  into.keep(...Array.from({ length: 20_003 }, (_, index) => message(`m${index}`)));
  await into.close();
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ messages: 3, msg: expect.stringContaining("lost") }]);
  const { items } = await store.messages({ after: 0, limit: 1 });
  expect(items.map(({ id }) => id)).toEqual(["m3"]);
});
