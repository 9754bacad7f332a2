import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { pause } from "../../../../src/host/orchestrator/pause.ts";

const DAY_MS = 86_400_000;

test("a pause that is longer than a timer can be does not end at once, and ends when it is told to", async () => {
  const over = new AbortController();
  let isOver = false;
  const pausing = pause(30 * DAY_MS, over.signal).then(() => (isOver = true));
  await delay(30);
  expect(isOver).toBe(false);
  over.abort();
  await pausing;
});

test("a short one takes its time", async () => {
  const began = performance.now();
  await pause(30, new AbortController().signal);
  expect(performance.now() - began).toBeGreaterThan(28);
});
