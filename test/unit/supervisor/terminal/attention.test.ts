import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Attention } from "../../../../src/supervisor/terminal/attention.ts";
import { Pace } from "../../../../src/supervisor/terminal/pace.ts";
import { TerminalBed } from "./bed.ts";

let bed: TerminalBed | null = null;
let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "novabot-attention-"))));
afterEach(async () => {
  await bed?.close();
  bed = null;
  rmSync(folder, { recursive: true, force: true });
});

const LINES = 120_000;
const output = `${Array.from({ length: LINES }, (_, line) => `${line + 1}\r\n`).join("")}END`;
/** For that much there are so many waits at least, of 20 ms each; a timer may be early by one. */
const heldMs = Math.floor(output.length / 65_536) * 19;

function fifo(name: string): string {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  return path;
}

test("somebody types in one terminal, and the others give way, until two seconds after the last key or until that terminal is gone", () => {
  let now = 0;
  const attention = new Attention(() => now);
  const [one, other] = [{}, {}];
  expect(attention.isElsewhere(one)).toBe(false);
  attention.typed(one);
  expect([one, other].map((each) => attention.isElsewhere(each))).toEqual([false, true]);
  now = 1999;
  attention.typed(other);
  now = 3998;
  expect([one, other].map((each) => attention.isElsewhere(each))).toEqual([true, false]);
  now = 3999;
  expect([one, other].map((each) => attention.isElsewhere(each))).toEqual([false, false]);
  attention.typed(one);
  attention.forget(other);
  expect(attention.isElsewhere(other)).toBe(true);
  attention.forget(one);
  expect(attention.isElsewhere(other)).toBe(false);
});

test("a moment that brings too much is followed by a wait; what comes slowly never waits", async () => {
  let now = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const pace = new Pace(resolve, () => now);
  for (; now < 10_000; now += 10) {
    pace.count(32_000);
    expect(pace.isWaiting).toBe(false);
  }
  pace.count(65_536);
  expect(pace.isWaiting).toBe(true);
  await promise;
  expect(pace.isWaiting).toBe(false);
  pace.count(65_535);
  expect(pace.isWaiting).toBe(false);
  pace.count(1);
  expect(pace.isWaiting).toBe(true);
  pace.close();
  expect(pace.isWaiting).toBe(false);
});

test("a flood beside which somebody types is held, and nothing of it is lost, the end of its program least of all", async () => {
  const go = fifo("go");
  bed = await TerminalBed.open();
  const flood = bed.view();
  await flood.says("$ ");
  flood.type(`exec sh -c "printf BE''GIN; cat ${go}; seq 1 ${LINES}; printf END"\n`);
  await flood.says("BEGIN");
  const typing = bed.view();
  await typing.says("$ ");
  const start = performance.now();
  typing.type(`: > ${go}\n`);
  await flood.until(() => flood.exit !== null);
  expect(performance.now() - start).toBeGreaterThan(heldMs);
  expect(flood.text.slice(flood.text.indexOf("BEGIN") + 5)).toBe(output);
  expect(flood.exit).toEqual({ exitCode: 0, signal: null, why: "exit" });
});

test("a flood that nobody looks at is held, and all of it is there for who comes back", async () => {
  const [go, done] = [fifo("go"), fifo("done")];
  bed = await TerminalBed.running(`printf BEGIN; cat ${go}; seq 1 ${LINES}; printf END; echo done > ${done}; read line`);
  const { terminals } = bed;
  const view = bed.view();
  await view.says("BEGIN");
  view.socket.terminate();
  await expect.poll(() => terminals.sessions[0]?.viewers).toBe(0);
  const start = performance.now();
  await writeFile(go, "");
  expect(await readFile(done, "utf8")).toBe("done\n");
  expect(performance.now() - start).toBeGreaterThan(heldMs);
  const again = bed.view(`?session=${view.attached?.session}&offset=${view.offset}`);
  await again.says("END");
  expect(again.attached?.how).toBe("continued");
  expect(again.text).toBe(output);
});

test("a flood that nobody looks at can be closed while it is held", async () => {
  bed = await TerminalBed.running("yes", { graceMs: 100 });
  const { terminals } = bed;
  const view = bed.view();
  await view.says("y\r\ny");
  view.socket.terminate();
  await expect.poll(() => terminals.sessions.length, { timeout: 10_000 }).toBe(0);
});
