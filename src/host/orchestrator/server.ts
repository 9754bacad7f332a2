import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { WebSocketServer } from "ws";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { AppEnv } from "../../orchestrator/rest/environment.ts";
import { problemResponse } from "../../orchestrator/rest/problem.ts";
import type { Sockets } from "../../orchestrator/sockets.ts";
import { isContainer } from "./engine-networks.ts";
import { type Listening, readTLS, refuseBareDoors, urlOf } from "./listening.ts";
import { socketOf } from "./ws-socket.ts";

export interface ServerOptions extends Listening {
  readonly fetch: (request: Request, bindings: AppEnv["Bindings"]) => Response | Promise<Response>;
  readonly sockets: Sockets;
  readonly logger: Logger;
  /** Whom nothing is answered, by the address of the connection. */
  readonly isBarred?: (address: string) => boolean;
}

export interface DoorServer {
  readonly port: number;
  /** As this machine reaches it. */
  readonly url: string;
  /** Lets nobody in any more, says farewell, and hangs up on who is left after `patienceMs`. */
  close(patienceMs?: number): Promise<void>;
}

const CONNECTIONS = 2048;
/** Connections without a token, of which the oldest goes when another comes: who has a token shows it at once, and is not kept out by those who have none. */
const STRANGERS = 256;
const HEAD_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const PATIENCE_MS = 3000;
/** Certificates are renewed while a server runs. */
const RENEWED_MS = 3_600_000;

/** Opens the doors of the orchestrator on Node. Rejects with LISTEN_REFUSED. */
export async function openServer(options: ServerOptions): Promise<DoorServer> {
  const { fetch, sockets, logger, isBarred = isContainer } = options;
  refuseBareDoors(options);
  const tls = await readTLS(options.tls);
  const limits = {
    maxHeaderSize: 16_384,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: 1000,
    noDelay: true,
    // What asks for another protocol is answered in this one.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
  };
  const server: Server | SecureServer = tls
    ? createSecureServer({ ...limits, ...tls, handshakeTimeout: HEAD_TIMEOUT_MS })
    : createServer(limits);
  const scheme = tls ? "https" : "http";
  const connections = new Set<Duplex>();
  const strangers = new Set<Duplex>();
  const admitted = (connection: Duplex): void => void strangers.delete(connection);

  server.on("connection", (connection: Duplex & { readonly remoteAddress?: string }) => {
    connections.add(connection);
    connection.on("error", () => connection.destroy());
    connection.on("close", () => connections.delete(connection));
    if (connections.size > CONNECTIONS || isBarred(plainAddress(connection.remoteAddress))) connection.destroy();
  });
  server.on(tls ? "secureConnection" : "connection", (connection: Duplex) => {
    strangers.add(connection);
    connection.on("error", () => connection.destroy());
    connection.on("close", () => strangers.delete(connection));
    const [oldest] = strangers;
    if (strangers.size > STRANGERS) oldest?.destroy();
  });
  server.on("clientError", (_error, connection) => {
    if (connection.writable) connection.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", () => connection.destroy());
    else connection.destroy();
  });

  const listener = getRequestListener(
    async (request, { incoming }) => {
      const { socket } = incoming as IncomingMessage;
      return await fetch(request, { peerAddress: plainAddress(socket.remoteAddress), admitted: () => admitted(socket) });
    },
    {
      overrideGlobalObjects: false,
      errorHandler: (error) => {
        logger.error({ reason: messageOf(error) }, "a request went wrong");
        return problemResponse(error);
      },
    },
  );
  server.on("request", (incoming, outgoing) => {
    const trouble = unfit(incoming);
    if (trouble === null) void listener(incoming, outgoing);
    else void answer(incoming.socket, problemResponse(trouble));
  });

  const upgrade = async (incoming: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> => {
    const gone = new AbortController();
    connection.once("close", () => gone.abort());
    const trouble = unfit(incoming);
    if (trouble) return await answer(connection, problemResponse(trouble));
    const request = requestOf(incoming, scheme);
    const asking = { request, peerAddress: plainAddress(incoming.socket.remoteAddress) };
    const door = await sockets.upgrade(asking, gone.signal);
    if (door instanceof Response) return await answer(connection, door);
    if (gone.signal.aborted) return door.abandon();
    admitted(incoming.socket);
    let isOpen = false;
    // What makes it no WebSocket after all, the package answers by itself, and closes the connection.
    connection.once("close", () => {
      if (!isOpen) door.abandon();
    });
    const { maxPayload, protocol } = door;
    const handleProtocols = (): string | false => protocol ?? false;
    const webSockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      clientTracking: false,
      maxPayload,
      handleProtocols,
    });
    webSockets.handleUpgrade(incoming, connection, head, (socket) => {
      isOpen = true;
      door.open(socketOf(socket));
    });
  };
  server.on("upgrade", (incoming, connection, head) => {
    upgrade(incoming, connection, head).catch((error: unknown) => {
      logger.error({ reason: messageOf(error) }, "a WebSocket went wrong");
      connection.destroy();
    });
  });

  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const renewing = setInterval(() => {
    readTLS(options.tls)
      .then((fresh) => fresh && "setSecureContext" in server && server.setSecureContext(fresh))
      .catch((error: unknown) =>
        logger.warn({ reason: messageOf(error) }, "the TLS files were not read anew; the old certificate stays"),
      );
  }, RENEWED_MS);
  renewing.unref();
  return {
    port,
    url: urlOf(options, port),
    async close(patienceMs = PATIENCE_MS) {
      clearInterval(renewing);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const late = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, patienceMs);
      await Promise.all([sockets.close(), closed]);
      clearTimeout(late);
    },
  };
}

async function listen(server: Server, { listen: { host, port } }: Listening): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    throw new NovaError("LISTEN_REFUSED", `The doors cannot be opened at ${host}:${port} (${messageOf(cause)}).`, {
      place: "listen",
      next: "Choose another `listen` in novabot.yaml, or end what listens there.",
      cause,
    });
  }
}

/** A request that names several hosts, or another server's address as a proxy would be asked, is none of this house's. */
function unfit(incoming: IncomingMessage): NovaError | null {
  if (incoming.headersDistinct["host"]?.length === 1 && incoming.url?.startsWith("/")) return null;
  return new NovaError("REQUEST_INVALID", "The request must name one Host, and a path of this house.", { place: "Host" });
}

function requestOf(incoming: IncomingMessage, scheme: string): Request {
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  // Whom it names is looked at in its head; no name that is none may break the path.
  return new Request(new URL(incoming.url?.replace(/^\/+/, "/") ?? "/", `${scheme}://localhost`), { headers });
}

/** An answer without a WebSocket, after which the connection is of no more use. */
async function answer(connection: Duplex, response: Response): Promise<void> {
  const body = await response.text();
  const head = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`, "connection: close"];
  response.headers.forEach((value, name) => head.push(`${name}: ${value}`));
  head.push(`content-length: ${Buffer.byteLength(body)}`);
  connection.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => connection.destroy());
}

/** IPv4 as such, where a socket takes both. */
function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:(?=\d+\.)/i, "");
}
