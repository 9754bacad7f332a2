import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { MESSAGE_LIMIT } from "../../model/link.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { Dial, Dialled } from "./socket.ts";

/** Where a worker's door is and what opens it. */
export interface WorkerAddress {
  /** As in `127.0.0.1`, or `[::1]`. */
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** Makes the connection, where the address alone does not lead there. */
  readonly connect?: () => Duplex;
}

const REFUSAL_BYTES = 16_384;

/** Dials from Node, where a WebSocket may carry the token in its head. */
export function dialFrom(address: () => Promise<WorkerAddress> | WorkerAddress, connectMs = 10_000): Dial {
  return async (signal) => {
    return open(await address(), connectMs, signal);
  };
}

function open({ host, port, token, connect }: WorkerAddress, connectMs: number, signal: AbortSignal): Promise<Dialled> {
  const url = `ws://${host}:${port}/ws`;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: connectMs,
      perMessageDeflate: false,
      maxPayload: MESSAGE_LIMIT,
      signal,
      ...(connect ? { createConnection: connect as () => Socket } : {}),
    });
    // The handshake's own limit begins anew with each byte that comes.
    const late = setTimeout(() => {
      reject(new NovaError("LINK_LOST", `the worker does not answer at ${url} within ${connectMs} ms`));
      socket.terminate();
    }, connectMs);
    socket.once("open", () => clearTimeout(late)).once("close", () => clearTimeout(late));
    // Whatever goes wrong later ends in `close`.
    socket.on("error", (error) =>
      reject(new NovaError("LINK_LOST", `the worker does not answer at ${url} (${messageOf(error)})`, { cause: error })),
    );
    socket.on("unexpected-response", (request, response) => {
      void refusalOf(url, response).then((error) => {
        reject(error);
        request.destroy();
      });
    });
    socket.on("open", () => {
      // The hello may come in one packet with the answer to the upgrade, before anybody listens.
      socket.pause();
      resolve({
        socket: socket as unknown as Dialled["socket"],
        begin: () => socket.resume(),
        pause: () => socket.pause(),
        resume: () => socket.resume(),
        cut: () => socket.terminate(),
      });
    });
  });
}

/** What a door that answered without an upgrade said. */
export async function refusalOf(url: string, response: IncomingMessage): Promise<NovaError> {
  let text = "";
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString("utf8");
      if (text.length > REFUSAL_BYTES) break;
    }
  } catch {
    // The status alone tells enough.
  }
  return new NovaError("DOOR_REFUSED", `the worker at ${url} answered ${response.statusCode ?? 0}: ${quote(text, 500)}`);
}
