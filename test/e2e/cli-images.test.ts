import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runNovabot } from "../fixtures/command-line.ts";

test("the demo lets two agents answer from two containers, then a chat from one that was made ahead", async () => {
  const { code, stdout, stderr } = await runNovabot(["demo", "--no-install", "--json"]);
  expect(code, stderr).toBe(0);
  const runs = JSON.parse(stdout);
  expect(runs).toMatchObject([
    { group: "family-chat", outcome: "success", result: expect.stringContaining("Network: no") },
    { group: "main", outcome: "success", result: expect.stringContaining("I may write groups/family-chat") },
    { group: "family-chat", outcome: "success", result: expect.stringContaining("You asked: Are you there?") },
    {
      group: "family-chat",
      outcome: "success",
      mode: "warm",
      result: expect.stringContaining("before it you said: Are you there?"),
    },
    { group: "family-chat", outcome: "success", result: expect.stringContaining("You asked: Who is watching?") },
  ]);
  expect(runs[0].container).not.toBe(runs[1].container);
});

test("the demo proves what runs, shows what a check finds in a file that looks right, and what would mend it", async () => {
  const { code, stdout, stderr } = await runNovabot(["demo", "--no-install"]);
  expect(code, stderr).toBe(0);
  for (const group of ["family-chat", "main"]) expect(stdout).toContain(`of the container of ${group} that stands ready`);
  expect(stdout).toMatch(/kept {2}user +1000:1000 in \d+ processes/);
  // What the orchestrator's commands show of a worker whose process crashes, and of the run beside it.
  for (const seen of [
    /shop +checkout +cra/,
    /shop +web +running/,
    /shop\/checkout out - +order of Cleo/,
    /fatal +type +node +shop\/checkout +TypeError/,
    /shop\/checkout crashed/,
    /family-chat:[0-9a-f]+ run settled: success/,
    /LAST EVENTS/,
    /Linux \w+\n/,
  ])
    expect(stdout).toMatch(seen);
  for (const found of ["4:11  error  user", "7:9  error  ports", "9:26  error  mounts-read-only"])
    expect(stdout).toContain(`compose.yaml:${found}`);
  // The README shows the first of them.
  const shown = stdout
    .slice(stdout.indexOf("compose.yaml:4:11"), stdout.indexOf("\n\n  compose.yaml:7:9"))
    .replaceAll("\n  ", "\n");
  expect(await readFile(join(import.meta.dirname, "../../README.md"), "utf8")).toContain(`\`\`\`\n${shown}\n\`\`\``);
  const diff = stdout.split("\n").filter((line) => /^ {2}[+-] /.test(line));
  expect(diff.map((line) => line.replaceAll(/ +/g, " ").trim())).toEqual([
    '- user: "+0:0"',
    '+ user: "1001:1001"',
    '- - "8100:5000"',
    '+ - "127.0.0.1:8100:5000"',
    "- - ./conf:/app/conf:RO",
    "+ - ./conf:/app/conf:ro",
  ]);
});

test("the images are listed, and building what is up to date changes nothing", async () => {
  const before = await runNovabot(["image", "list", "--json"]);
  expect(before.code, before.stderr).toBe(0);
  const built = await runNovabot(["image", "build", "agent", "--json"]);
  expect(built.code, built.stderr).toBe(0);
  expect((await runNovabot(["image", "list", "--json"])).stdout).toBe(before.stdout);
  expect(await runNovabot(["image", "build", "nonsense"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("code  USAGE"),
  });
});
