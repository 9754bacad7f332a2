import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FollowUps } from "../../../../src/agents/runner/follow-ups.ts";

let directory: string;
let log: string;
let followUps: FollowUps;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-follow-"));
  log = "";
  followUps = new FollowUps((text) => void (log += text), directory);
});
afterEach(async () => await rm(directory, { recursive: true, force: true }));

const put = async (name: string, content: string): Promise<void> => await writeFile(join(directory, name), content);

test("files are taken in the order of their names, each once, and drafts are left alone", async () => {
  await put("0000000002-aaaaaaaa.json", '{"id":"b","text":"two"}');
  await put("0000000001-ffffffff.json", '{"id":"a","text":"one","more":1}');
  await put(".0000000000-eeeeeeee.json", '{"id":"draft","text":"draft"}');
  expect([followUps.take(), followUps.take(), followUps.take()]).toEqual([
    { id: "a", text: "one" },
    { id: "b", text: "two" },
    undefined,
  ]);
  expect(await readdir(directory)).toEqual([".0000000000-eeeeeeee.json"]);
  expect(log).toBe("");
});

test("what is no message is removed and told, whatever it is, and nothing it leads to is touched", async () => {
  const outside = await mkdtemp(join(tmpdir(), "novabot-outside-"));
  try {
    await writeFile(join(outside, "precious.json"), '{"id":"x","text":"stolen"}');
    await symlink(join(outside, "precious.json"), join(directory, "1.json"));
    execFileSync("mkfifo", [join(directory, "2.json")]);
    await mkdir(join(directory, "3.json"));
    await put("4.json", "x".repeat(2 ** 20 + 1));
    await put("5.json", "null");
    await put("6.json", '{"id":"","text":"x"}');
    await put("7.json", '{"id":"x","text":" "}');
    await put("8.json", '{"id":"good","text":"good"}');
    expect(followUps.take()).toEqual({ id: "good", text: "good" });
    expect(log.match(/is no message: /g)).toHaveLength(7);
    expect(await readdir(directory)).toEqual([]);
    expect(await readFile(join(outside, "precious.json"), "utf8")).toContain("stolen");
  } finally {
    await rm(outside, { recursive: true });
  }
});

test("a directory that is not there has none", async () => {
  await rm(directory, { recursive: true });
  expect(followUps.take()).toBeUndefined();
});
