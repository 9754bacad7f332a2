import { expect, test } from "vitest";
import { openShell, readOutput } from "./shell.ts";

const thrower = (message: string) => `function inner() { throw new TypeError(${JSON.stringify(message)}); }\ninner();`;

test("errors are listed once with their count, shown with their lines, counted and forgotten", async () => {
  const shell = await openShell();
  const start = (id: string, message: string) =>
    shell.ok([
      "process",
      "start",
      "-i",
      id,
      "--max-restarts",
      "2",
      "--backoff",
      "20ms",
      "--",
      process.execPath,
      "-e",
      thrower(message),
    ]);
  await start("a", "cannot read 4711");
  await start("b", "port 3000 is gone");
  for (const id of ["a", "b"]) await shell.ok(["process", "wait", "-i", id, "--for", "stopped"]).catch(() => undefined);
  const list = async (...args: string[]) => JSON.parse(await shell.ok(["errors", "list", "--format", "json", ...args])).groups;
  // The last trace is whole when its process has ended.
  await expect.poll(async () => (await list()).map(({ count }: { count: number }) => count), { timeout: 20_000 }).toEqual([3, 3]);
  const [first] = await list("-i", "a");
  expect(first).toMatchObject({ instance: "a", name: "TypeError", message: "cannot read 4711", count: 3 });
  expect(await list("--severities", "warning")).toEqual([]);
  expect(await list("--since", "1h", "--limit", "1")).toHaveLength(1);
  expect(await list("--until", "1h")).toEqual([]);
  const table = await shell.ok(["errors", "list", "-i", "a"]);
  expect(table).toMatch(/^FINGERPRINT +COUNT /);
  expect(table).toContain(`${first.fingerprint}  3 `);
  const shown = await shell.ok(["errors", "list", "--fingerprint", first.fingerprint]);
  expect(shown).toMatch(/^TypeError: cannot read 4711\n {2}\w+, type, of node, in a; fingerprint [0-9a-f]{16}\n {2}seen 3 times/);
  expect(shown).toMatch(/^ {2}> {5}at inner/m);
  expect(await shell.ok(["errors", "list", "-i", "b", "--format", "raw"])).toMatch(/^TypeError: port 3000 is gone$/m);
  expect(await shell.ok(["errors", "stats", "--format", "raw"])).toMatch(/^errors\t\t2\noccurrences\t\t6\n/);
  expect(await shell.ok(["errors", "stats"])).toMatch(/^instance +a +3$/m);
  expect(await shell.ok(["errors", "clear", "-i", "a", "--format", "raw"])).toBe("1\n");
  expect(await list()).toHaveLength(1);
});

test("whoever watches is told of each error as it comes", async () => {
  const shell = await openShell();
  await shell.ok(["process", "start", "-i", "quiet", "--wait", "--", "sleep", "1000"]);
  const watcher = shell.open(["errors", "watch", "--format", "json"]);
  const reading = readOutput(watcher);
  let n = 0;
  // It is not known when the watch has begun: errors are made until one is told of.
  while (!reading.text().includes("\n")) {
    await shell.ok(["process", "start", "-i", `bad${n++}`, "--restart", "never", "--", process.execPath, "-e", thrower("seen")]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  watcher.kill();
  const record = JSON.parse(reading.text().split("\n")[0] ?? "");
  expect(record).toMatchObject({
    kind: "error",
    group: { name: "TypeError", message: "seen" },
    bootID: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});
