import type { TerminalMessage, TerminalSocket } from "../orchestrator/ports.ts";

/** Bytes that may wait while nobody takes them: the platform reads on. */
const MOST_WAITING = 8_388_608;
/** What a message costs besides what it says. */
const MESSAGE_BYTES = 64;
/** Codes that only tell what became of a connection. */
const untold: ReadonlySet<number> = new Set([1004, 1005, 1006, 1015]);

/**
 * A WebSocket of Workers as the orchestrator's doors know one. The platform tells nothing of what waits to be sent, so that nothing is held back here:
 * who sends much over it must be told by the other side how far it is.
 */
export function socketOf(socket: WebSocket): TerminalSocket {
  let waiting: TerminalMessage[] | null = null;
  let waitingBytes = 0;
  let isOver = false;
  let listener: Parameters<TerminalSocket["listen"]>[0] | null = null;
  const over = (code: number, reason: string): void => {
    if (isOver) return;
    isOver = true;
    waiting = null;
    listener?.closed(code, reason);
  };
  const give = (message: TerminalMessage): void => {
    if (isOver) return;
    if (!waiting) return listener?.message(message);
    waiting.push(message);
    waitingBytes += message.length + MESSAGE_BYTES;
    if (waitingBytes <= MOST_WAITING) return;
    const reason = "too much waits to be taken";
    hangUp(socket, 1008, reason);
    over(1008, reason);
  };
  return {
    bufferedBytes: 0,
    send(message) {
      if (!isOver && socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    pause: () => void (waiting ??= []),
    resume() {
      const came = waiting ?? [];
      waiting = null;
      waitingBytes = 0;
      for (const message of came) give(message);
    },
    close(code, reason) {
      if (!isOver && socket.readyState === WebSocket.OPEN) socket.close(code, reason.slice(0, 120));
    },
    listen(given) {
      listener = given;
      socket.addEventListener("message", ({ data }) =>
        give(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)),
      );
      socket.addEventListener("error", () => over(1006, ""));
      socket.addEventListener("close", ({ code, reason }) => {
        over(code, reason);
        // The other side's farewell is answered by hand.
        if (socket.readyState !== WebSocket.CLOSED) hangUp(socket, untold.has(code) ? 1000 : code, reason);
      });
      socket.binaryType = "arraybuffer";
      socket.accept();
    },
  };
}

export function hangUp(socket: WebSocket, code?: number, reason?: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // One that broke with an error may throw that again.
  }
}
