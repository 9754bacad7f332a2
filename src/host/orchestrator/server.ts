import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import { WebSocketServer } from "ws";
import { messageOf, NovaError } from "../../model/errors.ts";
import { protect } from "../../orchestrator/access/headers.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { AppEnv } from "../../orchestrator/rest/environment.ts";
import { problemResponse } from "../../orchestrator/rest/problem.ts";
import type { Sockets } from "../../orchestrator/sockets.ts";
import { Connections } from "./connections.ts";
import { isContainer } from "./engine-networks.ts";
import { type Listening, listenAt, readTLS, refuseBareDoors, urlOf } from "./listening.ts";
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
  const connections = new Connections();
  server.on("connection", (connection: Socket) => {
    connections.add(connection);
    if (isBarred(plainAddress(connection.remoteAddress))) connection.destroy();
  });
  server.on("secureConnection", (connection: Socket) => connection.on("error", () => connection.destroy()));
  server.on("clientError", (_error, connection) => {
    if (connection.writable) connection.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", () => connection.destroy());
    else connection.destroy();
  });

  const listener = getRequestListener(
    async (request, { incoming }) => {
      const { socket } = incoming as IncomingMessage;
      const admitted = (name: string): void => connections.admit(socket, name);
      return await fetch(request, { peerAddress: plainAddress(socket.remoteAddress), admitted });
    },
    {
      overrideGlobalObjects: false,
      errorHandler: (error) => {
        if (error instanceof RequestError) return guarded(problemResponse(nowhere()));
        logger.error({ reason: messageOf(error) }, "a request went wrong");
        return guarded(problemResponse(error));
      },
    },
  );
  const guarded = (response: Response): Response => {
    protect(response.headers, tls !== null);
    return response;
  };
  server.on("request", (incoming, outgoing) => {
    if (isFit(incoming)) void listener(incoming, outgoing);
    else void answer(incoming.socket, guarded(problemResponse(nowhere())));
  });

  const upgrade = async (incoming: IncomingMessage, connection: Socket, head: Buffer): Promise<void> => {
    const gone = new AbortController();
    connection.once("close", () => gone.abort());
    const request = isFit(incoming) ? requestOf(incoming, scheme) : null;
    if (!request) return await answer(connection, guarded(problemResponse(nowhere())));
    const admitted = (name: string): void => connections.admit(connection, name);
    const asking = { request, peerAddress: plainAddress(incoming.socket.remoteAddress), admitted };
    const door = await sockets.upgrade(asking, gone.signal);
    if (door instanceof Response) return await answer(connection, door);
    if (gone.signal.aborted) return door.abandon();
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
    // Of an HTTP server's, whether with TLS or without.
    upgrade(incoming, connection as Socket, head).catch((error: unknown) => {
      logger.error({ reason: messageOf(error) }, "a WebSocket went wrong");
      connection.destroy();
    });
  });

  await listenAt(server, options);
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
      const late = setTimeout(() => connections.destroy(), patienceMs);
      await Promise.all([sockets.close(), closed]);
      clearTimeout(late);
    },
  };
}

/** A request that names several hosts, or another server's address as a proxy would be asked, is none of this house's. */
function isFit(incoming: IncomingMessage): boolean {
  return incoming.headersDistinct["host"]?.length === 1 && incoming.url?.startsWith("/") === true;
}

function nowhere(): NovaError {
  return new NovaError("REQUEST_INVALID", "The request must name one Host, and a path of this house.", { place: "Host" });
}

/** Null where its path is none. */
function requestOf(incoming: IncomingMessage, scheme: string): Request | null {
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  // Whom it names is looked at in its head; no name that is none may break the path.
  const url = URL.parse(`${scheme}://localhost${incoming.url ?? "/"}`);
  return url && new Request(url, { headers });
}

/** An answer without a WebSocket, after which the connection is of no more use. */
async function answer(connection: Socket, response: Response): Promise<void> {
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
