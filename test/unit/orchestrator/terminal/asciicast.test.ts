import { expect, test } from "vitest";
import { encodeTerminalOutput, type TerminalOutputFrame } from "../../../../src/model/terminal-frames.ts";
import { Asciicast } from "../../../../src/orchestrator/terminal/asciicast.ts";

const facts = { columns: 80, rows: 24, startedAtMs: 1_700_000_000_999, title: "factory, opened by local" };

function recorder(isFramed: boolean): { cast: Asciicast; lines: () => unknown[]; clock: { nowMs: number } } {
  let text = "";
  const clock = { nowMs: 5000 };
  const cast = new Asciicast(
    (more) => void (text += more),
    facts,
    isFramed,
    () => clock.nowMs,
  );
  return {
    cast,
    clock,
    lines: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown),
  };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("begins with the size that the terminal has, and tells what it shows with seconds since the beginning", () => {
  const { cast, clock, lines } = recorder(true);
  const take = (frame: TerminalOutputFrame): void => cast.take(encodeTerminalOutput(frame));
  const size = { columns: 100, rows: 30 };
  take({ kind: "attached", attached: { session: "s", offset: 0, how: "new", readonly: false, owner: true, ...size } });
  clock.nowMs += 1500;
  take({ kind: "output", offset: 0, bytes: bytes('$ "ls"\r\n') });
  take({ kind: "size", columns: 120, rows: 40, owner: true });
  clock.nowMs += 0.25;
  take({ kind: "snapshot", offset: 8, columns: 60, rows: 20, bytes: bytes("screen") });
  take({ kind: "exit", exit: { exitCode: 0, signal: null, why: "exit" } });
  expect(lines()).toEqual([
    { version: 2, width: 100, height: 30, timestamp: 1_700_000_000, title: "factory, opened by local" },
    [1.5, "o", '$ "ls"\r\n'],
    [1.5, "r", "120x40"],
    [1.50025, "r", "60x20"],
    [1.50025, "o", "\u001bcscreen"],
  ]);
});

test("puts characters together that come in parts, and keeps what is none as a sign that something was there", () => {
  const { cast, lines } = recorder(false);
  const euro = bytes("€");
  cast.take(euro.subarray(0, 1));
  cast.take(euro.subarray(1));
  cast.take(Uint8Array.of(0xff, 0x41));
  expect(lines()).toEqual([
    { version: 2, width: 80, height: 24, timestamp: 1_700_000_000, title: facts.title },
    [0, "o", "€"],
    [0, "o", "\ufffdA"],
  ]);
});

test("goes on past frames that cannot be read", () => {
  const { cast, lines } = recorder(true);
  cast.take(Uint8Array.of(99));
  cast.take(encodeTerminalOutput({ kind: "output", offset: 0, bytes: bytes("on") }));
  expect(lines().slice(1)).toEqual([
    [0, "m", expect.stringContaining("a frame that cannot be read")],
    [0, "o", "on"],
  ]);
});
