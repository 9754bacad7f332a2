import { createHash, randomBytes } from "node:crypto";
import { buffer, text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { run, specOf, startReady } from "../../fixtures/engines/containers.ts";

export function streamsSuite(fixture: () => TestEngine): void {
  describe("streams", () => {
    test("bytes go in and come out as they are, and the end of input is felt", async () => {
      const { engine } = fixture();
      const input = randomBytes(300_000);
      const id = await engine.create(specOf(fixture(), "cat; sleep 0.1; echo after the end >&2"));
      const streams = await engine.attach(id);
      const end = engine.wait(id);
      await engine.start(id);
      streams.stdin.end(input);
      const [stdout, stderr, exit] = await Promise.all([buffer(streams.stdout), text(streams.stderr), end]);
      expect(stdout.equals(input)).toBe(true);
      expect(stderr).toBe("after the end\n");
      expect(exit).toEqual({ exitCode: 0, outOfMemory: false });
    });

    test("stdout and stderr are kept apart", async () => {
      const { stdout, stderr } = await run(
        fixture().engine,
        specOf(fixture(), "for i in 1 2 3; do echo out $i; echo err $i >&2; done"),
      );
      expect(stdout).toBe("out 1\nout 2\nout 3\n");
      expect(stderr).toBe("err 1\nerr 2\nerr 3\n");
    });

    test("a container without standard input reads its end", async () => {
      const { stdout } = await run(fixture().engine, specOf(fixture(), "cat; echo done", { stdin: false }), "not wanted");
      expect(stdout).toBe("done\n");
    });

    test("5 MB for containers that exit without reading: their output is whole, and nothing is added to it", async () => {
      const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join("");
      for (let round = 0; round < 8; round += 1) {
        const result = await run(fixture().engine, specOf(fixture(), "seq 20000; exit 7"), Buffer.alloc(5_000_000, 0x61));
        expect(result.stdout === numbers).toBe(true);
        expect(result).toMatchObject({ stderr: "", exitCode: 7 });
      }
    });

    test("5 MB for a container that never reads, until it is killed", async () => {
      const { engine } = fixture();
      const { id, end, streams } = await startReady(engine, specOf(fixture(), "echo ready; exec sleep 60"));
      const written = new Promise<void>((resolve) => streams.stdin.once("close", resolve));
      streams.stdin.end(Buffer.alloc(5_000_000, 0x61));
      await engine.kill(id, "SIGKILL");
      expect((await end).exitCode).toBe(137);
      streams.stdout.resume();
      streams.stderr.resume();
      await written;
    });

    test("output that was not read when unread input breaks the connection is not lost", async () => {
      const { engine } = fixture();
      const id = await engine.create(specOf(fixture(), "head -c 400000 /dev/zero; exit 3"));
      const streams = await engine.attach(id);
      const end = engine.wait(id);
      await engine.start(id);
      streams.stdin.end(Buffer.alloc(5_000_000, 0x61));
      streams.stderr.resume();
      // Nobody reads for a while: the engine closes with output still on its way.
      await sleep(700);
      expect((await buffer(streams.stdout)).length).toBe(400_000);
      expect((await end).exitCode).toBe(3);
    });

    test("50 MB for a slow reader arrive whole in little memory", async () => {
      const { engine } = fixture();
      const id = await engine.create(specOf(fixture(), "head -c 50000000 /dev/zero | tr '\\0' x; echo end >&2"));
      const streams = await engine.attach(id);
      const end = engine.wait(id);
      const before = process.memoryUsage();
      await engine.start(id);
      streams.stdin.end();
      const stderr = text(streams.stderr);
      await new Promise((resolve) => streams.stdout.once("readable", resolve));
      await sleep(1000);
      const held = process.memoryUsage();
      expect(held.external + held.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(8_000_000);
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of streams.stdout as AsyncIterable<Buffer>) {
        size += chunk.length;
        hash.update(chunk);
      }
      expect(size).toBe(50_000_000);
      expect(hash.digest("hex")).toBe(createHash("sha256").update(Buffer.alloc(50_000_000, "x")).digest("hex"));
      expect(await stderr).toBe("end\n");
      expect((await end).exitCode).toBe(0);
    });

    test("a writer of single bytes loses none", async () => {
      const script =
        "node -e 'const fs = require(\"node:fs\"); for (let i = 0; i < 20000; i += 1) fs.writeSync(1 + (i % 2), String(i % 10))'";
      const { stdout, stderr } = await run(fixture().engine, specOf(fixture(), script));
      expect(stdout).toBe("02468".repeat(2000));
      expect(stderr).toBe("13579".repeat(2000));
    });

    test("letting go of the streams leaves the container alone", async () => {
      const { engine } = fixture();
      const { id, end, streams } = await startReady(
        engine,
        specOf(fixture(), "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"),
      );
      streams.close();
      streams.close();
      expect(await text(streams.stdout)).toBe("");
      expect((await engine.inspect(id))?.running).toBe(true);
      await engine.kill(id, "SIGTERM");
      expect((await end).exitCode).toBe(5);
    });
  });
}
