import type { WebSocket } from "ws";
import type { TerminalSocket } from "../../orchestrator/ports.ts";

/** A peer that says nothing for so long, not even to a ping, is gone. */
const SILENCE_MS = 30_000;
/** So long a farewell may take. */
const FAREWELL_MS = 5000;

/** A WebSocket of the package `ws` as the orchestrator's doors know one. It is read from when somebody listens. */
export function socketOf(socket: WebSocket, silenceMs: number = SILENCE_MS): TerminalSocket {
  let isHeard = true;
  let listener: Parameters<TerminalSocket["listen"]>[0] | null = null;
  socket.pause();
  const watch = setInterval(() => {
    // What is not read from cannot be heard.
    if (!isHeard && !socket.isPaused) return socket.terminate();
    isHeard = socket.isPaused;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, silenceMs);
  watch.unref();
  const sent = (): void => {
    if (socket.bufferedAmount === 0 && socket.readyState === socket.OPEN) listener?.drained();
  };
  socket.on("pong", () => (isHeard = true));
  socket.on("ping", () => (isHeard = true));
  socket.on("message", (data, isBinary) => {
    isHeard = true;
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
    listener?.message(isBinary ? bytes : bytes.toString("utf8"));
  });
  // Whatever goes wrong ends in `close`.
  socket.on("error", () => socket.terminate());
  socket.on("close", (code, reason) => {
    clearInterval(watch);
    listener?.closed(code, reason.toString("utf8"));
  });
  return {
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send(message) {
      if (socket.readyState === socket.OPEN) socket.send(message, { binary: typeof message !== "string" }, sent);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close(code, reason) {
      // The other side's farewell has to be read.
      socket.resume();
      socket.close(code, reason.slice(0, 120));
      setTimeout(() => socket.terminate(), FAREWELL_MS).unref();
    },
    listen(given) {
      listener = given;
      if (socket.readyState === socket.CLOSED) return given.closed(1006, "");
      socket.resume();
    },
  };
}
