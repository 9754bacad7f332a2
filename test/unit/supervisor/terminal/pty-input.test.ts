import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { PtyInput } from "../../../../src/supervisor/terminal/pty-input.ts";

/** A pipe that takes 64 KiB and then no more, as a terminal whose program does not read. */
function pipe(): number {
  const directory = mkdtempSync(join(tmpdir(), "novabot-pty-input-"));
  const path = join(directory, "pipe");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });
  return fd;
}

async function readAll(fd: number, input: PtyInput, length: number): Promise<Buffer> {
  const all = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    try {
      at += readSync(fd, all, at, length - at, null);
    } catch {
      input.go();
      await turn();
    }
  }
  return all;
}

test("what is typed in single bytes waits in little more memory than it has bytes", async () => {
  const fd = pipe();
  const input = new PtyInput(fd, () => true);
  onTestFinished(() => input.close());
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = used();
  const many = 500_000;
  for (let at = 0; at < many; at += 1) input.write(Uint8Array.of(at & 255));
  expect(input.pending).toBeGreaterThan(many - 70_000);
  globalThis.gc?.();
  expect(used() - before).toBeLessThan(60_000_000);
  const all = await readAll(fd, input, many);
  expect(all.every((byte, at) => byte === (at & 255))).toBe(true);
  expect(input.pending).toBe(0);
});

test("pieces of all lengths come in their order, whole, also while the program reads now and then", async () => {
  const fd = pipe();
  const input = new PtyInput(fd, () => true);
  onTestFinished(() => input.close());
  const sent: Buffer[] = [];
  const got: Buffer[] = [];
  const into = Buffer.alloc(50_000);
  for (let round = 0; round < 3000; round += 1) {
    const length = [1, 3, 100, 4096, 4097, 16_384, 20_000][round % 7] ?? 1;
    const bytes = Buffer.alloc(length, round & 255);
    sent.push(bytes);
    input.write(bytes);
    input.go();
    if (round % 50 === 49) got.push(Buffer.from(into.subarray(0, readSync(fd, into))));
  }
  const all = Buffer.concat(sent);
  got.push(await readAll(fd, input, all.length - Buffer.concat(got).length));
  expect(Buffer.concat(got).equals(all)).toBe(true);
});
