import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { errorInAnswer } from "../client/problem.ts";
import type { Connect } from "../client/socket.ts";
import { messageOf, NovaError } from "../model/errors.ts";

const PING_MS = 5000;
const CONNECT_MS = 15_000;
/** A snapshot of a terminal holds a whole screen with its scrollback. */
const MESSAGE_BYTES = 67_108_864;
const REFUSAL_BYTES = 65_536;

/** WebSockets by the package `ws`: it tells why a door let nobody in, and notices a way that died. */
export const connectByWS: Connect = ({ url, protocols, headers }, listener) => {
  const { host } = new URL(url);
  const socket = new WebSocket(url, [...protocols], {
    headers: { ...headers },
    handshakeTimeout: CONNECT_MS,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES,
  });
  let refused = false;
  let reason = new NovaError("LINK_LOST", `The connection to ${host} broke off.`);
  let heard = true;
  const pings = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!heard) return socket.terminate();
    heard = false;
    socket.ping();
  }, PING_MS);
  socket.on("open", () => listener.opened());
  socket.on("pong", () => (heard = true));
  socket.on("message", (data, isBinary) => {
    heard = true;
    listener.message(isBinary ? (data as Buffer) : (data as Buffer).toString("utf8"));
  });
  socket.on("error", (error) => {
    if (refused) return;
    reason = new NovaError("LINK_LOST", `${host} does not answer (${messageOf(error)}).`, { cause: error });
  });
  socket.on("unexpected-response", (_, response) => {
    refused = true;
    void readSome(response).then((text) => {
      reason = errorInAnswer(response.statusCode ?? 0, text, url.replace(/\?.*$/, ""));
      socket.terminate();
    });
  });
  socket.on("close", () => {
    clearInterval(pings);
    listener.closed(reason);
  });
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    cut: () => socket.terminate(),
  };
};

async function readSome(response: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString("utf8");
      if (text.length > REFUSAL_BYTES) break;
    }
  } catch {
    // The status alone tells enough.
  }
  return text;
}
