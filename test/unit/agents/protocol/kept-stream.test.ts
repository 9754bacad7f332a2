import { describe, expect, test } from "vitest";
import { KeptStream, TAIL_BYTES } from "../../../../src/agents/protocol/kept-stream.ts";
import { generator, pieces } from "./random.ts";

function kept(limit: number, ...chunks: (string | Uint8Array)[]): KeptStream {
  const stream = new KeptStream(limit);
  for (const chunk of chunks) stream.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return stream;
}

describe("the beginning of a stream", () => {
  test("is whole up to the limit and says so", () => {
    const stream = kept(6, "abc", "", "def");
    expect([stream.text(), stream.totalBytes, stream.truncated]).toEqual(["abcdef", 6, false]);
    stream.push(Buffer.from("g"));
    expect([stream.text(), stream.totalBytes, stream.truncated]).toEqual(["abcdef", 7, true]);
  });

  test.each([
    ["aé", 2, "a"],
    ["a€", 2, "a"],
    ["a€", 3, "a"],
    ["a👋", 4, "a"],
    ["aéb", 3, "aé"],
    ["a👋b", 5, "a👋"],
    ["👋", 1, ""],
  ])("%s cut at %i bytes is %j", (text, limit, expected) => {
    expect(kept(limit, text).text()).toBe(expected);
    expect(kept(limit, ...[...Buffer.from(text)].map((byte) => Uint8Array.of(byte))).text()).toBe(expected);
  });

  test("keeps invalid bytes elsewhere, as replacement characters", () => {
    expect(kept(4, Buffer.from([0x61, 0xff, 0xc3, 0x62])).text()).toBe("a\ufffd\ufffdb");
    expect(kept(9, Buffer.from([0x61, 0xe2, 0x82])).text()).toBe("a\ufffd");
    expect(kept(3, Buffer.from([0x80, 0x80, 0x80, 0x80])).text()).toBe("\ufffd\ufffd\ufffd");
    expect(kept(2, Buffer.from([0x61, 0xff, 0x62])).text()).toBe("a\ufffd");
  });

  test("is 5 MiB by default, also when the caller reuses its buffer", () => {
    const chunk = Buffer.alloc(65_536);
    const stream = new KeptStream();
    for (let index = 0; index < 100; index += 1) stream.push(chunk.fill(0x61 + (index % 26)));
    expect(stream.text()).toHaveLength(5 * 1024 * 1024);
    expect(stream.text().slice(65_535, 65_537)).toBe("ab");
    expect(stream.totalBytes).toBe(6_553_600);
  });

  test("costs nothing while nothing comes", () => {
    const before = process.memoryUsage();
    const streams = Array.from({ length: 20_000 }, () => new KeptStream());
    const after = process.memoryUsage();
    expect(streams.length).toBe(20_000);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1024 * 1024);
    expect(after.rss - before.rss).toBeLessThan(40 * 1024 * 1024);
  });
});

describe("the end of a stream", () => {
  test("is there before and after truncation", () => {
    expect(kept(100, "abcdef").tail(3)).toBe("def");
    expect(kept(100, "abc").tail(10)).toBe("abc");
    expect(kept(100, "abc").tail(0)).toBe("");
    expect(kept(4, "abc", "defg", "h").tail(3)).toBe("fgh");
    expect(kept(4, "abcd", "e").tail(10)).toBe("abcde");
    expect(kept(4).tail(10)).toBe("");
  });

  test("begins at a character", () => {
    expect(kept(100, "a€b").tail(3)).toBe("b");
    expect(kept(2, "a👋b").tail(4)).toBe("b");
    expect(kept(2, "a👋b").tail(5)).toBe("👋b");
  });

  test.each([1, 2, 3, 4, 5, 6])("matches the plain way, seed %i", (seed) => {
    const random = generator(seed);
    for (let round = 0; round < 20; round += 1) {
      const limit = random(6000);
      const bytes = Buffer.from(Array.from({ length: random(20_000) }, () => 0x20 + random(90)));
      const stream = kept(limit, ...pieces(bytes, random, 1 + random(5000)));
      expect(stream.text()).toBe(bytes.subarray(0, limit).toString());
      const wanted = 1 + random(TAIL_BYTES);
      expect(stream.tail(wanted)).toBe(bytes.subarray(-wanted).toString());
    }
  });
});
