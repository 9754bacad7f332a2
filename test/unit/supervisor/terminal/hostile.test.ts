import type { Socket } from "node:net";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NovaError } from "../../../../src/model/errors.ts";
import {
  decodeTerminalInput,
  decodeTerminalOutput,
  encodeTerminalInput,
  encodeTerminalOutput,
  type TerminalInputFrame,
  type TerminalOutputFrame,
} from "../../../../src/model/terminal-frames.ts";
import { TerminalBed } from "./bed.ts";

let bed: TerminalBed;
beforeEach(async () => void (bed = await TerminalBed.open()));
afterEach(async () => await bed.close());

const frames: readonly (readonly [name: string, bytes: Uint8Array | string, says: string])[] = [
  ["nothing", new Uint8Array(), "begins with nothing"],
  ["an unknown kind", Uint8Array.of(77, 1, 2), "begins with 77"],
  ["a resize that is too short", Uint8Array.of(2, 0, 80), "has 3 bytes, not 5"],
  ["a resize to nothing", Uint8Array.of(2, 0, 0, 0, 24), "0 columns are not within 1 and 1000"],
  ["a resize to much", Uint8Array.of(2, 0, 80, 255, 255), "65535 rows"],
  ["an acknowledgement of what was never sent", encodeTerminalInput({ kind: "ack", offset: 1e12 }), "were acknowledged, of"],
  ["an offset beyond all", Uint8Array.of(3, 255, 255, 255, 255, 255, 255, 255, 255), "no terminal has put out"],
  ["an own with more in it", Uint8Array.of(4, 4), "has 2 bytes, not 1"],
  ["an input beyond the limit", new Uint8Array(1_048_578).fill(1), "is longer than"],
  ["a text", "hello", "it is a text"],
];

for (const [name, bytes, says] of frames) {
  test(`${name} is told of, ends the connection, and leaves the session as it is`, async () => {
    const view = bed.view();
    await view.says("$ ");
    view.socket.send(bytes);
    await view.until(() => view.isClosed);
    expect(view.errors).toHaveLength(1);
    expect(view.errors[0]).toContain(says);
    const again = bed.view(`?session=${view.attached?.session}&offset=${view.offset}`);
    await again.until(() => again.attached !== null);
    again.type("echo alive$((1+1))\n");
    await again.says("alive2");
  });
}

for (const query of [
  "columns=0",
  "rows=99999",
  "offset=-1",
  "offset=1e3",
  "columns=%00",
  "session=..%2f..%2fetc",
  `session=${"x".repeat(5000)}`,
]) {
  test(`a connection with ${query.slice(0, 30)} is refused in band`, async () => {
    const view = bed.view(`?${query}`);
    await view.until(() => view.isClosed);
    expect(view.errors).toHaveLength(1);
    expect(view.attached).toBeNull();
    expect(bed.terminals.sessions).toHaveLength(0);
  });
}

test("frames of any bytes end in an error or in a frame, never in another failure", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 20 }))
      .map(([kind, rest]) => Uint8Array.of(kind, ...rest)),
    fc.tuple(fc.constantFrom(1, 5, 6), fc.json()).map(([kind, json]) => Uint8Array.of(kind, ...Buffer.from(json))),
  );
  fc.assert(
    fc.property(bytes, (frame) => {
      for (const decode of [decodeTerminalInput, decodeTerminalOutput]) {
        try {
          decode(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(NovaError);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test("every frame comes out as it went in", () => {
  const bytes = Buffer.from("é\x00\xff");
  const inputs: TerminalInputFrame[] = [
    { kind: "input", bytes },
    { kind: "resize", columns: 1000, rows: 1 },
    { kind: "ack", offset: Number.MAX_SAFE_INTEGER },
    { kind: "own" },
    { kind: "close" },
  ];
  for (const frame of inputs) expect(plain(decodeTerminalInput(encodeTerminalInput(frame)))).toEqual(plain(frame));
  const attached = {
    session: "a",
    offset: 2 ** 40,
    how: "continued",
    readonly: true,
    owner: false,
    columns: 2,
    rows: 1,
  } as const;
  const outputs: TerminalOutputFrame[] = [
    { kind: "attached", attached },
    { kind: "output", offset: 2 ** 33 + 1, bytes },
    { kind: "snapshot", offset: 5, columns: 80, rows: 24, bytes },
    { kind: "size", columns: 81, rows: 25, owner: true },
    { kind: "exit", exit: { exitCode: null, signal: "SIGKILL", why: "idle" } },
    { kind: "error", code: "TERMINAL_FAILED", message: "ü \u2028 🙂" },
    { kind: "error", code: "INSTANCE_NOT_FOUND", message: "none", next: "Look at the list." },
  ];
  for (const frame of outputs) expect(plain(decodeTerminalOutput(encodeTerminalOutput(frame)))).toEqual(plain(frame));
});

function plain(frame: object): unknown {
  return Object.fromEntries(
    Object.entries(frame).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]),
  );
}

test("resizing a thousand times in a row, and asking for the impossible as often, costs nothing that stays", async () => {
  const view = bed.view();
  await view.says("$ ");
  const other = bed.view(`?session=${view.attached?.session}&readonly=1`);
  await other.until(() => other.attached !== null);
  for (let round = 0; round < 1000; round += 1) {
    view.send({ kind: "resize", columns: 40 + (round % 60), rows: 10 + (round % 30) });
    other.send({ kind: "own" });
  }
  view.send({ kind: "resize", columns: 77, rows: 11 });
  view.type("stty size\n");
  await view.says("11 77");
  await other.until(() => other.errors.length === 1000);
  const third = bed.view(`?session=${view.attached?.session}`);
  await third.until(() => third.screen.cols === 77 && third.screen.rows === 11);
  expect(third.attached?.how).toBe("redrawn");
});

test("input that the program never takes ends the connection and not the worker", async () => {
  const view = bed.view();
  await view.says("$ ");
  view.type("stty -icanon -echo; echo r$((1+1)); exec sleep 100\n");
  await view.says("r2");
  const megabyte = new Uint8Array(1_000_000).fill(0x61);
  for (let round = 0; round < 12; round += 1) view.send({ kind: "input", bytes: megabyte });
  await view.until(() => view.isClosed);
  expect(view.errors[0]).toContain("has not taken");
});

test("a connection that is torn in the middle of a frame leaves its session to come back to", async () => {
  const view = bed.view();
  await view.says("$ ");
  const raw = (view.socket as unknown as { _socket: Socket })._socket;
  // A masked binary message of 100 bytes, of which 3 come.
  raw.write(Uint8Array.of(0x82, 0x80 | 100, 1, 2, 3, 4, 5, 6, 7), () => raw.destroy());
  await view.until(() => view.isClosed);
  const again = bed.view(`?session=${view.attached?.session}&offset=${view.offset}`);
  await again.until(() => again.attached !== null);
  expect(again.attached?.how).toBe("continued");
});

test("a viewer that asks on and takes nothing, a snapshot least of all, is cut off", async () => {
  const view = bed.view();
  await view.says("$ ");
  const stale = bed.socket(`?session=${view.attached?.session}&offset=999999&readonly=1`, true);
  // What it is attached to, and the snapshot, which it never acknowledges. Both may come in one piece.
  let came = 0;
  await new Promise<void>((resolve) => stale.on("message", () => (came += 1) === 2 && resolve()));
  stale.pause();
  const input = encodeTerminalInput({ kind: "input", bytes: Buffer.from("x") });
  let sent = 0;
  for (; bed.terminals.sessions[0]?.viewers === 2 && sent < 1_000_000; sent += 2000) {
    for (let frame = 0; frame < 2000; frame += 1) stale.send(input);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sent).toBeLessThan(500_000);
  view.type("echo alive$((1+1))\n");
  await view.says("alive2");
});
