import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { OwnRuns, liveRuns, requestCancel, sweepLiveRuns, type LiveEntry } from "../../../../src/agents/run/live-runs.ts";
import type { Home } from "../../../../src/agents/home/home.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const here = { isAlive: (host: string) => host === "here" };

function entry(run: string, host = "here"): LiveEntry {
  return { run, group: "family", host, startedAt: `2026-01-01T00:00:0${run.at(-1)}.000Z` };
}

async function homeWithHost(): Promise<{ home: Home; own: OwnRuns }> {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const own = new OwnRuns(home);
  onTestFinished(() => own.close());
  return { home, own };
}

test("a run is listed while it goes on, and hears its own wish alone", async () => {
  const { home, own } = await homeWithHost();
  const cancelled: string[] = [];
  const end2 = own.begin(entry("aaaaaaaaaaa2"), () => void cancelled.push("2"));
  const end1 = own.begin(entry("aaaaaaaaaaa1"), () => void cancelled.push("1"));
  await expect.poll(async () => (await liveRuns(home, here)).map(({ run }) => run.at(-1))).toEqual(["1", "2"]);
  await requestCancel(home, "aaaaaaaaaaa1");
  await expect.poll(() => cancelled).toContain("1");
  expect(cancelled).not.toContain("2");
  await end1();
  await end2();
  expect(await liveRuns(home, here)).toEqual([]);
  expect(await readdir(join(home.host, "cancel"))).toEqual([]);
});

test.each(["aaaaaaaaaaaa", "../../x", ""])("no wish is left for a run that does not go on: %j", async (run) => {
  const { home } = await homeWithHost();
  await expect(requestCancel(home, run)).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  expect(await readdir(home.host)).toEqual([]);
});

test("what a dead host left is not listed, and is swept with what cannot be read", async () => {
  const { home, own } = await homeWithHost();
  const end = own.begin(entry("aaaaaaaaaaa1"), () => undefined);
  await expect.poll(async () => await liveRuns(home, here)).toHaveLength(1);
  const live = join(home.host, "live");
  await writeFile(join(live, "aaaaaaaaaaa2.json"), JSON.stringify(entry("aaaaaaaaaaa2", "gone")));
  await writeFile(join(live, "aaaaaaaaaaa3.json"), "{");
  await writeFile(join(home.host, "cancel/aaaaaaaaaaa2"), "");
  expect(await liveRuns(home, here)).toHaveLength(1);
  expect(await sweepLiveRuns(home, here)).toBe(2);
  expect(await readdir(live)).toEqual(["aaaaaaaaaaa1.json"]);
  expect(await readdir(join(home.host, "cancel"))).toEqual([]);
  await end();
});
