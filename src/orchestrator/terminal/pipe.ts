import type { TerminalMessage, TerminalSocket } from "../ports.ts";

/** So much may wait for one side before the other is not read any more. */
const MOST_WAITING = 262_144;

export interface Piped {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Which side went first. */
  readonly by: "viewer" | "worker" | "house";
  readonly code: number;
  readonly reason: string;
}

export interface Pipe {
  readonly ended: Promise<Piped>;
  /** Hangs up on both. */
  end(code: number, reason: string): void;
}

/**
 * Carries messages both ways as they are. A side that takes slowly makes the other wait: it is not read until what waits has gone, so that its own
 * kernel, and in the end its program, stops. `tap` sees what comes from the worker before it is passed on.
 */
export function pipe(viewer: TerminalSocket, worker: TerminalSocket, tap: (message: TerminalMessage) => void): Pipe {
  const { promise: ended, resolve } = Promise.withResolvers<Piped>();
  const bytes = { in: 0, out: 0 };
  let isOver = false;
  const end = (by: Piped["by"], code: number, reason: string): void => {
    if (isOver) return;
    isOver = true;
    if (by !== "viewer") viewer.close(toldCode(code, 1011), reason);
    if (by !== "worker") worker.close(toldCode(code, 1001), "");
    resolve({ bytesIn: bytes.in, bytesOut: bytes.out, by, code, reason });
  };
  const carry = (from: TerminalSocket, to: TerminalSocket, way: keyof typeof bytes): ((message: TerminalMessage) => void) => {
    return (message) => {
      if (isOver) return;
      if (way === "out") tap(message);
      bytes[way] += message.length;
      to.send(message);
      if (to.bufferedBytes > MOST_WAITING) from.pause();
    };
  };
  viewer.listen({
    message: carry(viewer, worker, "in"),
    drained: () => worker.resume(),
    closed: (code, reason) => end("viewer", code, reason),
  });
  worker.listen({
    message: carry(worker, viewer, "out"),
    drained: () => viewer.resume(),
    closed: (code, reason) => end("worker", code, reason),
  });
  return { ended, end: (code, reason) => end("house", code, reason) };
}

/** Codes that only say that no code came are not to be sent. */
function toldCode(code: number, otherwise: number): number {
  return code === 1000 || (code >= 3000 && code <= 4999) ? code : otherwise;
}
