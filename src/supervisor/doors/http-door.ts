import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { MESSAGE_LIMIT } from "../../model/link.ts";
import { TERMINAL_INPUT_LIMIT, TERMINAL_PROTOCOL } from "../../model/terminal-frames.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import { createServer, STATUS_CODES } from "../node-http.ts";
import type { DoorSettings } from "../settings.ts";
import { createAdmission, type Refusal } from "./admission.ts";
import { failureOf } from "./messages.ts";

/** Who serves what comes in. */
export interface DoorParts {
  readonly monitor: (socket: WebSocket) => void;
  readonly terminal: (socket: WebSocket, request: IncomingMessage) => void;
  /** Each resolves when it is healthy. */
  readonly health: Readonly<Record<"terminal" | "websocket", () => Promise<void>>>;
}

export interface HTTPDoor {
  readonly port: number;
  /** Lets nobody in any more and hangs up on all. */
  close(): Promise<void>;
}

/** Connections at once; those of a browser's monitoring page, of a collector and of all terminals together stay far below. */
const CONNECTIONS = 512;
/** Connections without a token, of which the oldest goes when another comes: who has a token shows it at once, and is not kept out by those who have none. */
const STRANGERS = 128;
const HEAD_TIMEOUT_MS = 10_000;

/** Listens; who comes before `ready` waits. Rejects with SUPERVISOR_FAILED where the address is taken or not this machine's. */
export async function openHTTPDoor(settings: DoorSettings, ready: Promise<DoorParts>): Promise<HTTPDoor> {
  const admit = createAdmission(settings);
  const monitors = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_LIMIT,
    perMessageDeflate: false,
    clientTracking: false,
  });
  const terminals = new WebSocketServer({
    noServer: true,
    // A frame's kind is one byte more.
    maxPayload: TERMINAL_INPUT_LIMIT + 1,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => (offered.has(TERMINAL_PROTOCOL) ? TERMINAL_PROTOCOL : false),
  });
  const server = createServer({
    maxHeaderSize: 16_384,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: HEAD_TIMEOUT_MS,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: 1_000,
    noDelay: true,
  });
  const sockets = new Set<Duplex>();
  const strangers = new Set<Duplex>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    strangers.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      strangers.delete(socket);
    });
    const [oldest] = strangers;
    if (strangers.size > STRANGERS) oldest?.destroy();
  });
  const letIn = (request: IncomingMessage): Refusal | null => {
    const refusal = admit(request);
    if (refusal) return refusal;
    if (sockets.size - strangers.size >= CONNECTIONS)
      return {
        status: 503,
        error: new NovaError("DOOR_REFUSED", `${CONNECTIONS} connections are open already`, {
          next: "Close one of them, then try again.",
        }),
      };
    strangers.delete(request.socket);
    return null;
  };
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", () => socket.destroy());
    else socket.destroy();
  });
  server.on("request", (request, response) => {
    const refusal = letIn(request);
    if (refusal) answer(response, refusal.status, { error: failureOf(refusal.error) });
    else void serve(request, response, ready);
  });
  server.on("upgrade", (request, socket, head) => {
    const refusal = letIn(request);
    const path = pathOf(request);
    const way = path === "/ws" ? monitors : path === "/terminal" ? terminals : null;
    if (refusal) refuseUpgrade(socket, refusal.status, refusal);
    else if (way === null) refuseUpgrade(socket, 404, null);
    else
      way.handleUpgrade(request, socket, head, (webSocket) => {
        // Nothing that the peer says is lost meanwhile.
        webSocket.pause();
        void ready.then((parts) => {
          if (way === monitors) parts.monitor(webSocket);
          else parts.terminal(webSocket, request);
          webSocket.resume();
        });
      });
  });
  await listen(server, settings);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, { address, port }: DoorSettings): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address, port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw new NovaError("SUPERVISOR_FAILED", `the door cannot listen on ${address}:${port} (${messageOf(error)})`, {
      next: "Set NOVABOT_WORKER_PORT to a port that nothing else in the container listens on.",
      cause: error,
    });
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, ready: Promise<DoorParts>): Promise<void> {
  const name = /^\/health\/(terminal|websocket)$/.exec(pathOf(request))?.[1] as keyof DoorParts["health"] | undefined;
  if (name === undefined)
    return answer(response, 404, { error: "there is /health/terminal, /health/websocket, /ws and /terminal" });
  if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, { error: "only GET is served" });
  const startedAtMs = performance.now();
  try {
    await (await ready).health[name]();
    answer(response, 200, { status: "healthy", check: name, tookMs: Math.round(performance.now() - startedAtMs) });
  } catch (error) {
    answer(response, 503, { status: "unhealthy", check: name, reason: messageOf(error) });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // What a request brings beside its head is not read, so the connection is of no more use.
    connection: "close",
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
  });
  response.end(JSON.stringify(body));
}

function refuseUpgrade(socket: Duplex, status: number, refusal: Refusal | null): void {
  const body = JSON.stringify({ error: refusal ? failureOf(refusal.error) : "there is /ws and /terminal" });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `${status === 401 ? "WWW-Authenticate: Bearer\r\n" : ""}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] ?? "";
}
