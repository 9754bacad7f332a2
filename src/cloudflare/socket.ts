import type { TerminalMessage, TerminalSocket } from "../orchestrator/ports.ts";

/**
 * A WebSocket of Workers as the orchestrator's doors know one. The platform tells nothing of what waits to be sent, so that nothing is held back here:
 * who sends much over it must be told by the other side how far it is.
 */
export function socketOf(socket: WebSocket): TerminalSocket {
  let waiting: TerminalMessage[] | null = null;
  let listener: Parameters<TerminalSocket["listen"]>[0] | null = null;
  const give = (message: TerminalMessage): void => {
    if (waiting) waiting.push(message);
    else listener?.message(message);
  };
  return {
    bufferedBytes: 0,
    send(message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    pause: () => void (waiting ??= []),
    resume() {
      const came = waiting ?? [];
      waiting = null;
      for (const message of came) give(message);
    },
    close(code, reason) {
      if (socket.readyState === WebSocket.OPEN) socket.close(code, reason.slice(0, 120));
    },
    listen(given) {
      listener = given;
      socket.addEventListener("message", ({ data }) =>
        give(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)),
      );
      socket.addEventListener("close", ({ code, reason }) => {
        // The other side's farewell is answered by hand.
        if (socket.readyState !== WebSocket.CLOSED) socket.close(code === 1005 ? 1000 : code, reason);
        given.closed(code, reason);
      });
      socket.binaryType = "arraybuffer";
      socket.accept();
    },
  };
}
