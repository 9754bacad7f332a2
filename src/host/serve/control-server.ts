import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Home } from "../../agents/home/home.ts";
import { NovaError, errorCodes, messageOf, quote, type ErrorCode } from "../../model/errors.ts";
import { SERVE_SOCKET, controlSocket } from "./socket.ts";

/** The longest body: a message of the greatest length, however its characters are written. */
const bodyLimitBytes = 4 * 1024 * 1024;

/** What a request to one path is answered with. */
export type Answer = (body: unknown) => Promise<unknown>;

/** A stream of events, until the client goes or the server ends. */
export type Stream = (
  parameters: { readonly path: string; readonly query: URLSearchParams; readonly signal: AbortSignal },
  send: (event: string, data: unknown, id?: string) => void,
) => Promise<void>;

export interface ControlRoutes {
  /** By path, for POST. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** By a path's beginning, for GET. */
  readonly streams: Readonly<Record<string, Stream>>;
}

/** Answers commands of this machine's user over a unix socket in the home, which only that user can reach. */
export class ControlServer {
  readonly #server: Server;
  readonly #ending = new AbortController();
  #closeSocket: (() => Promise<void>) | undefined;

  constructor(routes: ControlRoutes, logger: Logger) {
    this.#server = createServer({ requestTimeout: 30_000, maxHeaderSize: 16 * 1024 }, (request, response) => {
      this.#answer(routes, request, response).catch((thrown: unknown) => {
        logger.debug({ err: thrown }, "A control request could not be answered");
        response.destroy();
      });
    });
  }

  /** The caller holds the home: a socket that is there belongs to a process that is gone. */
  async listen(home: Home): Promise<void> {
    await rm(join(home.host, SERVE_SOCKET), { force: true });
    const { path, close } = await controlSocket(home);
    this.#closeSocket = close;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(path, () => resolve());
    }).catch((thrown: unknown) => {
      throw new NovaError("HOME_INVALID", `Cannot listen in ${quote(home.host, 400)}: ${messageOf(thrown)}.`, {
        place: home.host,
        next: "Put the home on a file system that has sockets.",
        cause: thrown,
      });
    });
    await chmod(path, 0o600);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Answers that are being made are let out; who only keeps a connection is not waited for.
    this.#server.closeIdleConnections();
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    this.#server.closeAllConnections();
    await closed;
    await this.#closeSocket?.();
  }

  async #answer(routes: ControlRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "/", "http://serve");
      const stream = Object.entries(routes.streams).find(([prefix]) => url.pathname.startsWith(prefix));
      if (request.method === "GET" && stream) {
        await this.#stream(stream, url, response);
        return;
      }
      const answer = Object.hasOwn(routes.answers, url.pathname) ? routes.answers[url.pathname] : undefined;
      if (!answer || request.method !== "POST") {
        throw new NovaError("USAGE", `${request.method} ${quote(url.pathname)} is nothing that can be asked.`);
      }
      respond(response, 200, await answer(await readBody(request)));
    } catch (thrown) {
      const error = thrown instanceof NovaError ? thrown : new NovaError("INTERNAL", messageOf(thrown), { cause: thrown });
      if (response.headersSent) response.destroy();
      else respond(response, statusOf(error.code), errorBody(error));
    }
  }

  async #stream([prefix, stream]: readonly [string, Stream], url: URL, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#ending.signal]);
    const path = decodeURIComponent(url.pathname.slice(prefix.length));
    const begin = (): void => {
      if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    };
    await stream({ path, query: url.searchParams, signal }, (event, data, id) => {
      begin();
      response.write(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
    });
    begin();
    response.end();
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bodyLimitBytes) {
      throw new NovaError("MESSAGE_INVALID", `The request's body is longer than ${bodyLimitBytes} bytes.`, { place: "body" });
    }
    parts.push(part);
  }
  if (!bytes) return {};
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (thrown) {
    throw new NovaError("MESSAGE_INVALID", `The request's body is not JSON: ${messageOf(thrown)}.`, { place: "body" });
  }
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body ?? null);
  // What is left of a body that was too long is not read.
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...(status === 200 ? {} : { connection: "close" }),
  });
  response.end(text);
}

function errorBody({ code, message, place, next, facts }: NovaError): unknown {
  return { error: { code, message, place: place ?? null, next, facts } };
}

function statusOf(code: ErrorCode): number {
  if (code === "INTERNAL") return 500;
  if (code === "SERVE_NOT_RUNNING") return 503;
  if (code.endsWith("_NOT_FOUND")) return 404;
  return errorCodes[code].exit === 2 ? 400 : 409;
}
