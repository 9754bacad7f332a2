import { describe, expect, test } from "vitest";
import { cells, harmless, widthOf } from "../../../../src/contract/report/cells.ts";
import { excerpt } from "../../../../src/contract/report/excerpt.ts";
import { Quotes } from "../../../../src/contract/report/quotes.ts";
import type { Place } from "../../../../src/contract/source/place.ts";

const file = "/p/compose.yaml";

/** The excerpt of the first place where `value` stands in `text`. */
function marked(text: string, value: string, secret?: string): string {
  const of = (part: string): Place => {
    const start = text.indexOf(part);
    const before = text.slice(0, start).split("\n");
    const upTo = text.slice(0, start + part.length).split("\n");
    return {
      file,
      line: before.length,
      column: (before.at(-1) ?? "").length + 1,
      endLine: upTo.length,
      endColumn: (upTo.at(-1) ?? "").length + 1,
    };
  };
  const quotes = new Quotes({ sources: new Map([[file, text]]), secret: secret === undefined ? [] : [of(secret)] });
  const found = excerpt(quotes, of(value));
  return found ? `${found.quoted}\n${found.marked}` : "";
}

describe("the line and what is under it", () => {
  test("plain", () => {
    expect(marked("services:\n  web:\n    user: root\n", "root")).toBe(
      " 3 |     user: root\n   |           ^^^^", //
    );
  });

  test("a tab is as wide as it looks", () => {
    expect(marked("a:\n\tuser:\troot\n", "root")).toBe(" 2 |     user:   root\n   |             ^^^^");
  });

  test("wide characters take two columns, marks none", () => {
    expect(marked("名前: 値 # e\n", "値")).toBe(" 1 | 名前: 値 # e\n   |       ^^");
    expect(marked("a: 👩‍👩‍👧 👍🏽 b\n", "b")).toBe(" 1 | a: 👩‍👩‍👧 👍🏽 b\n   |          ^");
    expect(marked("e\u0301: x\n", "x")).toBe(" 1 | e\u0301: x\n   |    ^");
  });

  test("a carriage return belongs to the line's end", () => {
    expect(marked("a: 1\r\nb: 2\r\n", "2")).toBe(" 2 | b: 2\n   |    ^");
  });

  test("of a value over several lines, the first, and how far it goes", () => {
    expect(marked("a: |\n  x\n  y\nb: 1\n", "|\n  x\n  y")).toBe(" 1 | a: |\n   |    ^ to line 3");
  });

  test("a place behind the line's end is one mark", () => {
    const place = { file, line: 1, column: 9, endLine: 1, endColumn: 9 };
    const found = excerpt(new Quotes({ sources: new Map([[file, "a:\n"]]) }), place);
    expect(found?.marked).toBe("   |   ^");
  });

  test("nothing for a file that was not read, or a line that is not there", () => {
    const place = { file, line: 7, column: 1, endLine: 7, endColumn: 2 };
    expect(excerpt(new Quotes({ sources: new Map() }), place)).toBeUndefined();
    expect(excerpt(new Quotes({ sources: new Map([[file, "a"]]) }), place)).toBeUndefined();
  });

  test("a long line is cut around the value", () => {
    const [quoted = "", carets = ""] = marked(`x: ${"a".repeat(3_000_000)}root${"b".repeat(2_000_000)}\n`, "root").split("\n");
    expect(widthOf(quoted)).toBeLessThan(125);
    expect(quoted).toMatch(/^ 1 \| …a+rootb+…$/);
    expect(quoted.indexOf("root")).toBe(carets.indexOf("^"));
    expect(carets.trimEnd()).toMatch(/\| +\^{4}$/);
  });

  test("a value longer than the line that is shown fills it", () => {
    const [quoted = "", carets = ""] = marked(`user: ${"r".repeat(5000)}\n`, "r".repeat(5000)).split("\n");
    expect(quoted.startsWith(" 1 | user: rrr")).toBe(true);
    expect(quoted.endsWith("r…")).toBe(true);
    expect(carets.length).toBe(quoted.length - 1);
  });

  test("a line is never cut within a character", () => {
    const [quoted = ""] = marked(`${"😀".repeat(1000)}!${"😀".repeat(1000)}`, "!").split("\n");
    expect(quoted.isWellFormed()).toBe(true);
    expect(quoted).not.toContain("\ufffd");
  });

  test("control characters and marks that reorder text do not reach the terminal", () => {
    const [quoted = "", carets = ""] = marked("a: \u001b[2J\u009b1A\u202eroot\u0007 # x\n", "root").split("\n");
    expect(quoted).toBe(" 1 | a: \\x1b[2J\\x9b1A\\u202eroot\\x07 # x");
    expect(carets.indexOf("^")).toBe(quoted.indexOf("root"));
  });

  test("marks heaped on a letter end", () => {
    expect(marked(`a: x${"\u0301".repeat(100_000)} y\n`, "x").length).toBeLessThan(300);
  });

  test("a secret is stars, whatever is told of its line", () => {
    expect(marked("environment: { TOKEN: hunter2, A: b }\n", "b", "hunter2")).toBe(
      " 1 | environment: { TOKEN: *******, A: b }\n   |                                   ^",
    );
    expect(marked("key: |\n  first\n  second\nb: 1\n", "second", "first\n  second")).toBe(" 3 |   ******\n   |   ^^^^^^");
  });
});

test("harmless text is one line that a terminal obeys nowhere", () => {
  expect(harmless("a\r\nb\tc\u001b]0;x\u0007\u2028\ud800")).toBe("a\\r\\nb\\tc\\x1b]0;x\\x07\\u2028\ufffd");
  expect(harmless("naïve 名前 👍")).toBe("naïve 名前 👍");
});

test("each cell knows where it began", () => {
  expect(cells("a\t値b").map(({ index, width }) => [index, width])).toEqual([
    [0, 1],
    [1, 3],
    [2, 2],
    [3, 1],
  ]);
});
