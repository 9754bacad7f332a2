import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { TerminalSocket } from "../../orchestrator/ports.ts";
import { refusalOf, type WorkerAddress } from "../../workers/link/dial.ts";
import { terminalConnection, type TerminalRequest } from "../../workers/link/terminal.ts";
import { socketOf } from "./ws-socket.ts";

const CONNECT_MS = 10_000;
/** A snapshot holds a whole screen with its scrollback. */
const FRAME_BYTES = 67_108_864;

/** Opens `/terminal` of a worker; nothing of it is read until somebody listens. Rejects with DOOR_REFUSED where it did not let this in, with LINK_LOST otherwise. */
export function openWorkerTerminal(
  { host, port, token, connect }: WorkerAddress,
  request: TerminalRequest,
  protocol: string | null,
  signal: AbortSignal,
): Promise<TerminalSocket> {
  const url = `ws://${host}:${port}${terminalConnection(request).path}`;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocol === null ? [] : [protocol], {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: CONNECT_MS,
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES,
      ...(connect ? { createConnection: connect as () => Socket } : {}),
    });
    const giveUp = (): void => {
      reject(new NovaError("LINK_LOST", "The worker's terminal does not answer in time."));
      socket.terminate();
    };
    // The handshake's own limit begins anew with each byte that comes.
    const late = setTimeout(giveUp, CONNECT_MS);
    const settle = (): void => {
      clearTimeout(late);
      signal.removeEventListener("abort", giveUp);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("open", settle).once("close", settle);
    socket.on("error", (cause) =>
      reject(new NovaError("LINK_LOST", `The worker's terminal does not answer (${messageOf(cause)}).`, { cause })),
    );
    socket.on("unexpected-response", (asked, response) => {
      void refusalOf(url, response).then((error) => {
        reject(error);
        asked.destroy();
      });
    });
    socket.on("open", () => resolve(socketOf(socket)));
    if (signal.aborted) giveUp();
  });
}
