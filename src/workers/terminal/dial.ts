import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { messageOf, NovaError } from "../../model/errors.ts";
import {
  decodeTerminalOutput,
  encodeTerminalInput,
  type TerminalInputFrame,
  type TerminalOutputFrame,
} from "../../model/terminal-frames.ts";
import { refusalOf, type WorkerAddress } from "../link/dial.ts";
import { terminalConnection, type TerminalRequest } from "../link/terminal.ts";

/** One connection to a terminal. */
export interface TerminalConnection {
  send(frame: TerminalInputFrame): void;
  /** Hangs up; the session stays. */
  cut(): void;
}

export interface TerminalListener {
  frame(frame: TerminalOutputFrame): void;
  /** Once, whatever ended it; `error` when it was not `cut`. */
  ended(error: NovaError): void;
}

/** Opens a connection; the signal ends the attempt. Rejects with DOOR_REFUSED where the worker did not let it in, with LINK_LOST otherwise. */
export type TerminalDial = (
  request: TerminalRequest,
  listener: TerminalListener,
  signal: AbortSignal,
) => Promise<TerminalConnection>;

const CONNECT_MS = 10_000;
const PING_MS = 5000;
/** A snapshot holds a whole screen with its scrollback. */
const FRAME_BYTES = 67_108_864;

export function dialTerminal(
  address: () => Promise<WorkerAddress> | WorkerAddress,
  { pingMs = PING_MS, connectMs = CONNECT_MS }: { readonly pingMs?: number; readonly connectMs?: number } = {},
): TerminalDial {
  return async (request, listener, signal) => {
    return await open(await address(), request, listener, { pingMs, connectMs, signal });
  };
}

function open(
  { host, port, token, connect }: WorkerAddress,
  request: TerminalRequest,
  listener: TerminalListener,
  { pingMs, connectMs, signal }: { readonly pingMs: number; readonly connectMs: number; readonly signal: AbortSignal },
): Promise<TerminalConnection> {
  const { path, protocols } = terminalConnection(request);
  const url = `ws://${host}:${port}${path}`;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols], {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: connectMs,
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES,
      ...(connect ? { createConnection: connect as () => Socket } : {}),
    });
    let reason = new NovaError("LINK_LOST", "The connection to the worker's terminal broke off.");
    let isOpen = false;
    let heard = true;
    // A way that died says nothing: without an answer to one ping until the next it is over.
    const pings = setInterval(() => {
      if (!isOpen) return;
      if (!heard) return socket.terminate();
      heard = false;
      socket.ping();
    }, pingMs);
    // The handshake's own limit begins anew with each byte that comes, and nobody waits on for who has left.
    const giveUp = (): void => {
      if (isOpen) return;
      reject(new NovaError("LINK_LOST", "The worker's terminal does not answer in time."));
      socket.terminate();
    };
    const late = setTimeout(giveUp, connectMs);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    socket.on("pong", () => (heard = true));
    socket.on("error", (error) => {
      reason = new NovaError("LINK_LOST", `The worker's terminal does not answer (${messageOf(error)}).`, { cause: error });
      reject(reason);
    });
    socket.on("unexpected-response", (asked, response) => {
      void refusalOf(url, response).then((error) => {
        reject(error);
        asked.destroy();
      });
    });
    socket.on("message", (data, isBinary) => {
      heard = true;
      try {
        if (!isBinary || !Buffer.isBuffer(data))
          throw new NovaError("TERMINAL_FAILED", "The worker sent what is no terminal frame.");
        listener.frame(decodeTerminalOutput(data));
      } catch (error) {
        reason = error instanceof NovaError ? error : new NovaError("TERMINAL_FAILED", messageOf(error), { cause: error });
        socket.terminate();
      }
    });
    socket.on("close", () => {
      clearInterval(pings);
      clearTimeout(late);
      signal.removeEventListener("abort", giveUp);
      reject(reason);
      if (isOpen) listener.ended(reason);
    });
    socket.on("open", () => {
      isOpen = true;
      clearTimeout(late);
      resolve({
        send: (frame) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(encodeTerminalInput(frame));
        },
        cut: () => socket.terminate(),
      });
    });
  });
}
