import { describe, expect, test } from "vitest";
import { LINE_LIMIT } from "../../../../src/model/record.ts";
import type { LineBlock } from "../../../../src/supervisor/capture/line-block.ts";
import { CHUNK_BYTES, LineSplitter, readingMemory } from "../../../../src/supervisor/capture/line-splitter.ts";
import { recordOf } from "../../../../src/supervisor/capture/record-of.ts";

interface Line {
  readonly bytes: Buffer;
  readonly text: string;
  readonly part?: string;
  readonly unended?: true;
}

/** What comes out when the bytes come in chunks of these sizes, over and over. */
function split(all: Buffer, sizes: readonly number[]): readonly Line[] {
  const memory = readingMemory();
  const lines: Line[] = [];
  const splitter = new LineSplitter(memory, { instance: "a", stream: "stdout" }, (block) => lines.push(...linesOf(block)));
  for (let at = 0, chunk = 0; at < all.length; chunk += 1) {
    const length = Math.min(sizes[chunk % sizes.length] ?? 1, all.length - at);
    all.copy(memory.bytes, LINE_LIMIT, at, at + length);
    splitter.take(length, 1);
    at += length;
  }
  splitter.end(1);
  return lines;
}

function linesOf(block: LineBlock): Line[] {
  let from = 0;
  return [...block.ends].map((end, line) => {
    const { text, part, unended } = recordOf(block, line);
    const bytes = Buffer.from(block.bytes.subarray(from, end));
    from = end;
    return { bytes, text, ...(part === undefined ? {} : { part }), ...(unended === undefined ? {} : { unended }) };
  });
}

const texts = (lines: readonly Line[]): readonly string[] => lines.map(({ text }) => text);
const joined = (lines: readonly Line[]): Buffer => Buffer.concat(lines.map(({ bytes }) => bytes));

describe("splitting at newlines", () => {
  test("is the same wherever the chunks end", () => {
    const all = Buffer.from("one\n\n  two\n\ttrês 世界\n👍\nlast");
    for (const sizes of [[1], [2], [3], [5, 1], [7], [1000]]) {
      const lines = split(all, sizes);
      expect(texts(lines)).toEqual(["one", "", "  two", "\ttrês 世界", "👍", "last"]);
      expect(joined(lines)).toEqual(all);
      expect(lines.filter(({ unended }) => unended)).toHaveLength(1);
      expect(lines.at(-1)?.unended).toBe(true);
    }
  });

  test("takes a chunk of nothing but newlines", () => {
    const all = Buffer.alloc(2 * CHUNK_BYTES, "\n");
    expect(split(all, [CHUNK_BYTES])).toHaveLength(all.length);
  });

  test("an ended stream leaves nothing behind", () => {
    const lines = split(Buffer.from("a\nb\n"), [100]);
    expect(texts(lines)).toEqual(["a", "b"]);
    expect(lines.some(({ unended }) => unended)).toBe(false);
  });
});

describe("lines that are too long for a record", () => {
  for (const over of [-1, 0, 1, 2, LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 3 * LINE_LIMIT]) {
    test(`${over} bytes over the limit`, () => {
      const length = LINE_LIMIT + over;
      const all = Buffer.from(`before\n${"x".repeat(length)}\nafter\n`);
      for (const sizes of [[CHUNK_BYTES], [1000], [CHUNK_BYTES - 1, 3], [33_333]]) {
        const lines = split(all, sizes);
        expect(joined(lines)).toEqual(all);
        const parts = lines.slice(1, -1);
        expect(texts(parts).join("")).toBe("x".repeat(length));
        expect(Math.max(...parts.map(({ text }) => text.length))).toBeLessThanOrEqual(LINE_LIMIT);
        const expected = parts.length === 1 ? [undefined] : ["begins", ...parts.slice(2).map(() => "goes on"), "ends"];
        expect(parts.map(({ part }) => part)).toEqual(expected);
        expect(parts).toHaveLength(Math.max(1, Math.ceil(length / LINE_LIMIT)));
      }
    });
  }

  test("is cut neither in a character nor in an escape sequence", () => {
    for (let shift = 0; shift < 24; shift += 1) {
      const text = `${"x".repeat(LINE_LIMIT - shift)}\u001b[38;5;208m世👍é${"y".repeat(100)}`;
      const lines = split(Buffer.from(`${text}\n`), [CHUNK_BYTES]);
      expect(joined(lines)).toEqual(Buffer.from(`${text}\n`));
      expect(texts(lines).join("")).toBe(text.replace("\u001b[38;5;208m", ""));
    }
  });

  test("is cut somewhere where no character begins at all", () => {
    const all = Buffer.alloc(3 * LINE_LIMIT, 0x80);
    const lines = split(all, [CHUNK_BYTES]);
    expect(joined(lines)).toEqual(all);
    expect(lines).toHaveLength(3);
    expect(lines.at(-1)).toMatchObject({ part: "ends", unended: true });
  });
});
