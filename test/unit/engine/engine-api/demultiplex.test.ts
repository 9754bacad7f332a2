import { describe, expect, test } from "vitest";
import { demultiplexer } from "../../../../src/engine/engine-api/demultiplex.ts";

function frame(stream: number, payload: Buffer | string): Buffer {
  const data = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** What comes out when `chunks` go in. */
function take(chunks: Iterable<Buffer>): { stdout: string; stderr: string; slices: number; whole: boolean } {
  const out = { stdout: "", stderr: "", slices: 0 };
  const frames = demultiplexer((stream, data) => {
    expect(data.length).toBeGreaterThan(0);
    out[stream] += data.toString("latin1");
    out.slices += 1;
  });
  for (const chunk of chunks) frames.push(Buffer.from(chunk));
  return { ...out, whole: frames.whole };
}

const wire = Buffer.concat([
  frame(1, "one"),
  frame(2, "err"),
  frame(1, ""),
  frame(1, "two"),
  frame(1, "x".repeat(300)),
  frame(2, "!"),
  frame(0, "echo"),
]);
const expected = { stdout: `onetwo${"x".repeat(300)}echo`, stderr: "err!", whole: true };

describe("the stream demultiplexer", () => {
  test("split at every byte", () => {
    for (let at = 0; at <= wire.length; at += 1) expect(take([wire.subarray(0, at), wire.subarray(at)])).toMatchObject(expected);
  });

  test.each([1, 2, 3, 7, 8, 9, 64])("in pieces of %i bytes", (size) => {
    const pieces = Array.from({ length: Math.ceil(wire.length / size) }, (_, index) =>
      wire.subarray(index * size, (index + 1) * size),
    );
    expect(take(pieces)).toMatchObject(expected);
  });

  test("any split of any frames", () => {
    let seed = 7;
    const random = (limit: number): number => (seed = (seed * 48_271) % 2_147_483_647) % limit;
    for (let round = 0; round < 300; round += 1) {
      const parts = Array.from({ length: 1 + random(12) }, () => ({
        stream: 1 + random(2),
        text: String.fromCodePoint(97 + random(26)).repeat(random(round % 10 === 0 ? 9000 : 40)),
      }));
      const bytes = Buffer.concat(parts.map(({ stream, text }) => frame(stream, text)));
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random(round % 3 === 0 ? 5000 : 20);
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      const joined = (stream: number): string =>
        parts
          .filter((part) => part.stream === stream)
          .map(({ text }) => text)
          .join("");
      expect(take(pieces)).toMatchObject({ stdout: joined(1), stderr: joined(2), whole: true });
    }
  });

  test("frames of one byte become one slice of a chunk, large ones are not copied", () => {
    const small = Buffer.concat(Array.from({ length: 1000 }, (_, index) => frame(1, String(index % 10))));
    expect(take([small])).toMatchObject({ stdout: "0123456789".repeat(100), slices: 1 });
    const large = frame(1, Buffer.alloc(50_000, "y"));
    let slice: Buffer | undefined;
    demultiplexer((_, data) => (slice = data)).push(large);
    expect(slice?.buffer).toBe(large.buffer);
    expect(slice?.byteOffset).toBe(large.byteOffset + 8);
  });

  test("an end in the middle of a header or a frame is known", () => {
    for (let at = 1; at < 11; at += 1) expect(take([frame(1, "abc").subarray(0, at)]).whole).toBe(false);
    expect(take([frame(1, "abc")]).whole).toBe(true);
    expect(take([]).whole).toBe(true);
  });

  test.each([
    ["an unknown stream", Buffer.from([3, 0, 0, 0, 0, 0, 0, 1])],
    ["bytes that must be zero", Buffer.from([1, 0, 9, 0, 0, 0, 0, 1])],
    ["text that is no frame", Buffer.from("HTTP/1.1 500 oops")],
  ])("%s is an error", (_, bytes) => {
    expect(() => take([bytes])).toThrow(/frame header/);
    expect(() => take([bytes.subarray(0, 5), bytes.subarray(5)])).toThrow(/frame header/);
  });

  test("a frame that says it has 4 GiB costs no memory", () => {
    const header = Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]);
    expect(take([header, Buffer.from("abc")])).toMatchObject({ stdout: "abc", whole: false });
  });
});
