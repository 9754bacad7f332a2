import { expect, onTestFinished, test } from "vitest";
import { HomeFleet } from "../../../../src/host/orchestrator/fleet.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

test("an engine that does not answer is told of once, however often it is asked", async () => {
  const warnings: string[] = [];
  const logger = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message), error: () => {} };
  let asked = 0;
  const away = (): never => {
    asked += 1;
    throw new Error("nobody answers");
  };
  const workers = { home: await temporaryHome(), engine: { list: away, events: away }, info: {}, mayEnter: true };
  const over = new AbortController();
  onTestFinished(() => over.abort());
  new HomeFleet({ workers: workers as never, logger, everyMs: 5 }).watch(() => {}, over.signal);
  await expect.poll(() => asked).toBeGreaterThan(10);
  expect(warnings.toSorted()).toEqual(["the engine cannot be asked for workers", "the engine tells of no events"]);
});
