import { expect, test } from "vitest";
import type { TerminalMessage, TerminalSocket } from "../../../../src/orchestrator/ports.ts";
import { pipe } from "../../../../src/orchestrator/terminal/pipe.ts";

/** One end whose other side the test plays: what is sent to it waits until the test takes it. */
class End implements TerminalSocket {
  readonly sent: TerminalMessage[] = [];
  waiting = 0;
  isPaused = false;
  closedWith: { code: number; reason: string } | null = null;
  #listener: Parameters<TerminalSocket["listen"]>[0] | null = null;

  get bufferedBytes(): number {
    return this.waiting;
  }

  send(message: TerminalMessage): void {
    this.sent.push(message);
    this.waiting += message.length;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(code: number, reason: string): void {
    this.closedWith = { code, reason };
  }

  listen(listener: Parameters<TerminalSocket["listen"]>[0]): void {
    this.#listener = listener;
  }

  says(message: TerminalMessage): void {
    this.#listener?.message(message);
  }

  takes(): void {
    this.waiting = 0;
    this.#listener?.drained();
  }

  goes(code: number, reason: string): void {
    this.#listener?.closed(code, reason);
  }
}

function piped(): { viewer: End; worker: End; seen: TerminalMessage[]; pipe: ReturnType<typeof pipe> } {
  const [viewer, worker, seen] = [new End(), new End(), [] as TerminalMessage[]];
  return { viewer, worker, seen, pipe: pipe(viewer, worker, (message) => void seen.push(message)) };
}

test("carries messages as they are, of either kind, and lets the worker's be seen", async () => {
  const { viewer, worker, seen, pipe: carried } = piped();
  const bytes = Uint8Array.of(0, 255, 195);
  worker.says(bytes);
  worker.says("a text");
  viewer.says(Uint8Array.of(1, 2));
  viewer.says("keys");
  expect(viewer.sent).toEqual([bytes, "a text"]);
  expect(viewer.sent[0]).toBe(bytes);
  expect(worker.sent).toEqual([Uint8Array.of(1, 2), "keys"]);
  expect(seen).toEqual([bytes, "a text"]);
  viewer.goes(1000, "");
  expect(await carried.ended).toEqual({ bytesIn: 6, bytesOut: 9, by: "viewer", code: 1000, reason: "" });
});

test("does not read from the side whose messages wait, until they have gone", () => {
  const { viewer, worker } = piped();
  worker.says(new Uint8Array(262_144));
  expect(worker.isPaused).toBe(false);
  worker.says(Uint8Array.of(1));
  expect([worker.isPaused, viewer.isPaused]).toEqual([true, false]);
  viewer.takes();
  expect(worker.isPaused).toBe(false);
  viewer.says("x".repeat(300_000));
  expect([worker.isPaused, viewer.isPaused]).toEqual([false, true]);
  worker.takes();
  expect(viewer.isPaused).toBe(false);
});

test.each([
  [1000, 1000, 1000],
  [4001, 4001, 4001],
  [1001, 1011, 1001],
  [1005, 1011, 1001],
  [1006, 1011, 1001],
])("hangs up with the code %i as %i on the viewer and as %i on the worker", (code, onViewer, onWorker) => {
  const first = piped();
  first.worker.goes(code, "gone");
  expect(first.viewer.closedWith).toEqual({ code: onViewer, reason: "gone" });
  expect(first.worker.closedWith).toBeNull();
  const second = piped();
  second.viewer.goes(code, "gone");
  expect(second.worker.closedWith).toEqual({ code: onWorker, reason: "" });
  expect(second.viewer.closedWith).toBeNull();
});

test("ends once, and carries nothing after that", async () => {
  const { viewer, worker, pipe: carried } = piped();
  carried.end(4000, "the house");
  expect([viewer.closedWith?.code, worker.closedWith?.code]).toEqual([4000, 4000]);
  worker.says("late");
  worker.goes(1006, "");
  viewer.goes(1000, "");
  expect(viewer.sent).toEqual([]);
  expect(await carried.ended).toMatchObject({ by: "house", code: 4000, reason: "the house" });
});
