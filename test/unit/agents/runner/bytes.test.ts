import { describe, expect, test } from "vitest";
import { Head, Lines, Tail } from "../../../../src/agents/runner/bytes.ts";

function eachByte(text: string, take: (chunk: Buffer) => void): void {
  for (const byte of Buffer.from(text)) take(Buffer.from([byte]));
}

describe("Tail", () => {
  test("keeps the end, whatever the pieces", () => {
    const tail = new Tail(5);
    tail.add(Buffer.from("0123456789"));
    eachByte("abc", (chunk) => tail.add(chunk));
    expect(tail.text()).toBe("89abc");
  });

  test("drops a character that was cut, and blank ends", () => {
    const tail = new Tail(5);
    tail.add(Buffer.from("ééé\n"));
    expect(tail.text()).toBe("éé");
  });
});

describe("Head", () => {
  test("keeps all that fits", () => {
    const head = new Head(4);
    eachByte("éé", (chunk) => head.add(chunk));
    expect(head.text()).toBe("éé");
    expect(head.cut).toBe(false);
  });

  test("cuts between characters and says so", () => {
    const head = new Head(3);
    head.add(Buffer.from("ééé"));
    head.add(Buffer.from("more"));
    expect(head.text()).toBe("é");
    expect(head.cut).toBe(true);
  });
});

describe("Lines", () => {
  const collect = (limit: number): { lines: string[]; reader: Lines } => {
    const lines: string[] = [];
    return { lines, reader: new Lines(limit, (line) => lines.push(line)) };
  };

  test("gives whole lines, wherever they were split", () => {
    const { lines, reader } = collect(100);
    eachByte("é1\n\n2\r\nlast", (chunk) => reader.add(chunk));
    reader.end();
    expect(lines).toEqual(["é1", "2\r", "last"]);
  });

  test("leaves out a line that is too long, and only that one", () => {
    const { lines, reader } = collect(4);
    reader.add(Buffer.from("ok\ntoo long"));
    reader.add(Buffer.from(" still\nfine\n"));
    expect(lines).toEqual(["ok", "fine"]);
  });
});
