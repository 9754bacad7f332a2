import { describe, expect, test } from "vitest";
import { NovaError } from "../../../../src/model/errors.ts";
import type { TerminalAttached, TerminalInputFrame } from "../../../../src/model/terminal-frames.ts";
import type { TerminalRequest } from "../../../../src/workers/link/terminal.ts";
import type { TerminalListener } from "../../../../src/workers/terminal/dial.ts";
import { TerminalViewer, type ViewerOptions } from "../../../../src/workers/terminal/viewer.ts";

/** A worker's side, told by the test. */
interface Side {
  readonly request: TerminalRequest;
  readonly got: TerminalInputFrame[];
  frame: TerminalListener["frame"];
  break(): void;
}

const attached = (changes: Partial<TerminalAttached> = {}): TerminalAttached => ({
  session: "s1",
  offset: 0,
  how: "new",
  readonly: false,
  owner: true,
  columns: 80,
  rows: 24,
  ...changes,
});

function open(changes: Partial<ViewerOptions> = {}): {
  viewer: TerminalViewer;
  shown: () => string;
  next(): Promise<Side>;
} {
  const sides: Side[] = [];
  let arrived = Promise.withResolvers<void>();
  let shown = "";
  const viewer = new TerminalViewer({
    dial: async (request, listener) => {
      const got: TerminalInputFrame[] = [];
      const lost = (): void => listener.ended(new NovaError("LINK_LOST", "cut"));
      sides.push({ request, got, frame: (frame) => listener.frame(frame), break: lost });
      arrived.resolve();
      return { send: (frame) => void got.push(frame), cut: lost };
    },
    request: {},
    size: () => ({ columns: 80, rows: 24 }),
    write: async (bytes, what) =>
      void (shown += what === "snapshot" ? `[${Buffer.from(bytes).toString()}]` : Buffer.from(bytes).toString()),
    ...changes,
  });
  return {
    viewer,
    shown: () => shown,
    async next() {
      while (sides.length === 0) {
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
      // The connection is taken up a moment after it was made.
      await new Promise((resolve) => setImmediate(resolve));
      return sides.shift() as Side;
    },
  };
}

const output = (offset: number, text: string): Parameters<TerminalListener["frame"]>[0] => ({
  kind: "output",
  offset,
  bytes: Buffer.from(text),
});
const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

describe("a viewer of a terminal", () => {
  test("shows what comes, acknowledges it, and ends with the session", async () => {
    const { viewer, shown, next } = open();
    const side = await next();
    expect(side.request).toEqual({ columns: 80, rows: 24 });
    side.frame({ kind: "attached", attached: attached() });
    viewer.type(Buffer.from("ls\r"));
    side.frame(output(0, "one"));
    side.frame(output(3, "two"));
    await settled();
    expect(shown()).toBe("onetwo");
    expect(side.got).toEqual([
      { kind: "input", bytes: Buffer.from("ls\r") },
      { kind: "ack", offset: 3 },
      { kind: "ack", offset: 6 },
    ]);
    side.frame({ kind: "exit", exit: { exitCode: 3, signal: null, why: "exit" } });
    side.break();
    expect(await viewer.done).toEqual({ exitCode: 3, signal: null, why: "exit" });
  });

  test("comes back with its offset, shows nothing twice, and sends what was typed meanwhile", async () => {
    const { viewer, shown, next } = open();
    const first = await next();
    first.frame({ kind: "attached", attached: attached() });
    first.frame(output(0, "abc"));
    first.break();
    await settled();
    viewer.type(Buffer.from("x"));
    const second = await next();
    expect(second.request).toMatchObject({ session: "s1", offset: 3 });
    second.frame({ kind: "attached", attached: attached({ how: "continued", offset: 3 }) });
    second.frame(output(1, "bcde"));
    await settled();
    expect(shown()).toBe("abcde");
    expect(second.got).toContainEqual({ kind: "input", bytes: Buffer.from("x") });
    second.break();
    const third = await next();
    third.frame({ kind: "attached", attached: attached({ how: "redrawn", offset: 100 }) });
    third.frame({ kind: "snapshot", offset: 100, columns: 80, rows: 24, bytes: Buffer.from("screen") });
    third.frame(output(100, "!"));
    await settled();
    expect(shown()).toBe("abcde[screen]!");
    viewer.leave();
    expect(await viewer.done).toBeNull();
    expect(viewer.session).toBe("s1");
  });

  test("gives up where there is nothing to come back to", async () => {
    const gone = open({ request: { session: "old" } });
    const side = await gone.next();
    side.frame({ kind: "error", code: "TERMINAL_NOT_FOUND", message: "no such session" });
    side.break();
    await expect(gone.viewer.done).rejects.toMatchObject({ code: "TERMINAL_NOT_FOUND" });
    const none = open({ request: { instance: "none" } });
    const other = await none.next();
    other.frame({
      kind: "error",
      code: "INSTANCE_NOT_FOUND",
      message: 'There is no instance "none".',
      next: "Look at the list.",
    });
    other.break();
    const said = { code: "INSTANCE_NOT_FOUND", message: 'There is no instance "none".', next: "Look at the list." };
    await expect(none.viewer.done).rejects.toMatchObject(said);
    const refused = open({ dial: async () => await Promise.reject(new NovaError("DOOR_REFUSED", "no")) });
    await expect(refused.viewer.done).rejects.toMatchObject({ code: "DOOR_REFUSED" });
    const never = open({ dial: async () => await Promise.reject(new NovaError("LINK_LOST", "nobody there")) });
    await expect(never.viewer.done).rejects.toMatchObject({ code: "LINK_LOST" });
  });

  test("does not come back for ever", async () => {
    let dials = 0;
    const { viewer, next } = open({ patienceMs: 150 });
    const side = await next();
    side.frame({ kind: "attached", attached: attached() });
    side.break();
    const breaking = async (): Promise<never> => {
      for (;;) {
        (await next()).break();
        dials += 1;
      }
    };
    void breaking();
    await expect(viewer.done).rejects.toMatchObject({ code: "LINK_LOST" });
    expect(dials).toBeGreaterThan(0);
  });

  test("types nothing where it only looks, and tells complaints", async () => {
    const complaints: string[] = [];
    const { viewer, next } = open({ onComplaint: (message) => complaints.push(message) });
    const side = await next();
    side.frame({ kind: "attached", attached: attached({ readonly: true }) });
    viewer.type(Buffer.from("rm"));
    viewer.resized();
    side.frame({ kind: "error", code: "TERMINAL_FAILED", message: "read only" });
    expect(side.got).toEqual([{ kind: "resize", columns: 80, rows: 24 }]);
    expect(complaints).toEqual(["read only"]);
    viewer.leave();
    expect(await viewer.done).toBeNull();
  });

  test("gives up a worker that sends on and on while nothing of it is taken", async () => {
    const { next } = open({ write: () => new Promise(() => {}) });
    const side = await next();
    side.frame({ kind: "attached", attached: attached() });
    expect(() => {
      for (let many = 0; many < 2000; many += 1) side.frame(output(65_536 * many, "x".repeat(65_536)));
    }).toThrow("although what it sent has not been taken");
  });
});
