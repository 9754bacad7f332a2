import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogStats } from "../../../../src/model/worker-calls.ts";
import { until } from "../../../fixtures/engines/processes.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

const YARD = "output";
const GIGABYTE = 2 ** 30;

export function outputSuite(stand: () => WorkerStand): void {
  const ended = async (name: string, id: string): Promise<void> =>
    // Its process is gone before its last lines are kept, and its state tells of both.
    void (await until(
      `the end of ${id}`,
      async () => /^(stopped|crashed)$/.test((await stand().status(name, id)).state),
      120_000,
    ));

  const stats = async (name: string): Promise<LogStats> =>
    JSON.parse(await stand().tools(name, "logs", "stats", "--format", "json")) as LogStats;

  describe("what processes write", () => {
    beforeAll(async () => void (await stand().must("worker", "start", YARD)));
    afterAll(async () => void (await stand().must("worker", "stop", YARD, "--remove", "--remove-data", YARD)));

    test("bytes that are no UTF-8, cut anywhere, come back as they were", async () => {
      const { begin, must } = stand();
      const bytes = Buffer.from([
        0xff, 0xfe, 0x41, 0xe2, 0x82, 0xac, 0x0a, 0xc3, 0x0a, 0x00, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x42, 0x0a, 0xf0, 0x9f,
      ]);
      // One byte in each write, so that every character is cut.
      const program = `const b = Buffer.from("${bytes.toString("hex")}", "hex"); const fs = require("node:fs");
        for (const byte of b) { fs.writeSync(1, Buffer.of(byte)); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5); }`;
      await begin(YARD, "bytes", ["node", "-e", program], ["--restart", "never"]);
      await ended(YARD, "bytes");
      const lines = await stand().logs(YARD, "bytes");
      const back = lines.map(({ raw, text, unended }) =>
        Buffer.concat([raw === undefined ? Buffer.from(text) : Buffer.from(raw, "base64"), Buffer.from(unended ? "" : "\n")]),
      );
      expect(Buffer.concat(back).toString("hex")).toBe(bytes.toString("hex"));
      expect(lines.at(-1)?.unended).toBe(true);
      // On the way to a terminal nothing of it acts.
      expect(await must("worker", "logs", YARD, "-i", "bytes")).not.toMatch(/[\u0000\u001b]/);
    });

    test("a gigabyte without a newline is kept in parts, in bounded memory", async () => {
      const { begin, exec } = stand();
      const script = `head -c ${GIGABYTE} /dev/zero | tr '\\0' a; echo; echo done`;
      await begin(YARD, "long", ["sh", "-c", script], ["--restart", "never"]);
      await ended(YARD, "long");
      const [last] = await stand().logs(YARD, "long", "--contains", "done");
      expect(last).toMatchObject({ text: "done" });
      const { instances, memoryBytes, diskBytes, lost } = await stats(YARD);
      expect(instances.find(({ instance }) => instance === "long")?.lines ?? 0).toBeGreaterThan(0);
      expect(memoryBytes).toBeLessThan(20 * 2 ** 20);
      expect(diskBytes).toBeLessThan(300 * 2 ** 20);
      expect(lost.records).toBeGreaterThan(0);
      const { stdout } = await exec(YARD, "sh", "-c", "grep -h -e ^Name: -e ^VmHWM: /proc/[0-9]*/status");
      const peaks = [...stdout.matchAll(/Name:\s*(\S+)\nVmHWM:\s*(\d+) kB/g)].map(([, name, kB]) => [name, Number(kB)] as const);
      const supervisor = Math.max(...peaks.filter(([name]) => name !== "sh" && name !== "docker-init").map(([, kB]) => kB));
      expect(supervisor).toBeLessThan(200 * 1024);
    });
  });

  test("a disk that is full costs the oldest lines, which is told, and nothing else", async () => {
    const { must, home, begin, status, tools, logs } = stand();
    const name = "full";
    const data = join(home.data, "workers", name);
    await mkdir(data, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0777", "none", data]);
    try {
      await must("worker", "start", name);
      await begin(
        name,
        "app",
        ["node", "-e", "for (let n = 1; n <= 400_000; n++) console.log(`${n} ${'x'.repeat(100)}`)"],
        ["--restart", "never"],
      );
      await ended(name, "app");
      expect(await status(name, "app")).toMatchObject({ state: "stopped", exitCode: 0 });
      expect((await stats(name)).lost.records).toBeGreaterThan(0);
      const lines = await logs(name, "app");
      expect(lines.at(-1)?.text).toMatch(/^400000 /);
      // What is there has no gap.
      const numbers = lines.map(({ text }) => Number(text.split(" ")[0]));
      expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
      const answer = JSON.parse(
        await tools(name, "logs", "get", "--format", "json", "--limit", "10", "--last-sequence", "0"),
      ) as { incomplete: boolean; records: { kind: string }[] };
      expect(answer.incomplete || answer.records.some(({ kind }) => kind === "lost")).toBe(true);
      const [view] = JSON.parse(await must("worker", "list", "--json")) as { health: object }[];
      expect(view?.health).toEqual({
        terminal: { healthy: true, reason: null },
        websocket: { healthy: true, reason: null },
      });
    } finally {
      await must("worker", "stop", name, "--remove").finally(() => execFileSync("umount", ["-l", data]));
    }
  });
}
