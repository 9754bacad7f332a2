import { Agent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { NovaError } from "../../model/errors.ts";
import { brokenConnection, refused } from "./errors.ts";
import { liveness } from "./liveness.ts";
import type { Liveness } from "./liveness.ts";

/**
 * The Engine API over a unix socket, on node:http. A client library would cost every start of the program 150 ms and 30 MB, read
 * DOCKER_HOST behind our back, and hang when the daemon dies in the middle of an answer. The daemon is watched while a request
 * waits for its answer, and while a streamed answer comes: its loss is `ENGINE_LOST` within 5 seconds.
 */
export interface Connection {
  readonly socket: string;
  /** A request with a short answer, parsed from JSON when it is JSON. Rejects when it takes longer than `timeoutMs`. */
  call(call: Call): Promise<Answer>;
  /** A request whose answer is read as it comes; resolves at its headers. Reading it throws when the daemon is lost. */
  open(call: StreamCall): Promise<IncomingMessage>;
  /** A request that turns its connection into a raw two-way stream. `head` is what came with the answer. */
  hijack(call: Call): Promise<{ readonly stream: Socket; readonly head: Buffer }>;
  /** Whether the daemon answers now; the error that says why not. */
  check(): Promise<NovaError | undefined>;
}

interface Target {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  /** What the request asks for, for error messages: `create the container "x"`. */
  readonly what: string;
}

export interface Call extends Target {
  readonly body?: object;
  readonly timeoutMs?: number;
}

export interface StreamCall extends Target {
  readonly body?: object;
  /** A body that is sent as it comes, instead of `body`. */
  readonly archive?: Readable;
  /** Ends the request, before its answer and while that comes. */
  readonly signal?: AbortSignal;
  /** The headers must come within this time; no limit when left out. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A daemon that is alive answers a short request within this time even on a machine that swaps. */
const CALL_TIMEOUT_MS = 60_000;
/** No honest answer of the calls in use comes near this; what is larger is not kept in memory. */
const ANSWER_LIMIT_BYTES = 64 * 2 ** 20;

export function connect(socket: string, alive: Liveness = liveness(socket)): Connection {
  // A connection for each request: one that was kept open outlives the socket's removal and breaks at the daemon's restart.
  const agent = new Agent({ keepAlive: false });

  /** Sends a request; `answered` settles it. Whatever goes wrong before that rejects and ends the connection. */
  async function send<T>(
    target: Target,
    message: {
      readonly body?: object;
      readonly archive?: Readable;
      readonly headers?: Record<string, string>;
      readonly timeoutMs: number | undefined;
    },
    answered: (request: ClientRequest, resolve: (value: T) => void, fail: (error: unknown) => void) => void,
  ): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const { archive, timeoutMs } = message;
      const text = message.body === undefined ? "" : JSON.stringify(message.body);
      const request = httpRequest({
        socketPath: socket,
        agent,
        method: target.method,
        path: target.query === undefined ? target.path : `${target.path}?${queryString(target.query)}`,
        headers: {
          host: "engine",
          "content-type": archive ? "application/x-tar" : "application/json",
          ...(archive ? {} : { "content-length": String(Buffer.byteLength(text)) }),
          ...message.headers,
        },
      });
      const settled = (): void => {
        clearTimeout(timer);
        unwatch();
      };
      const fail = (error: unknown): void => {
        settled();
        request.destroy();
        reject(error instanceof NovaError ? error : brokenConnection(error, socket, target.what));
      };
      const unwatch = alive.watch(fail);
      const timer = setTimeout(
        () =>
          fail(
            new NovaError("ENGINE_LOST", `The engine at ${socket} did not ${target.what} within ${timeoutMs} ms.`, {
              place: socket,
            }),
          ),
        // The longest that a timer can be set to, some 24 days, is no limit.
        timeoutMs ?? 2 ** 31 - 1,
      );
      request.on("error", fail);
      answered(
        request,
        (value) => {
          settled();
          resolve(value);
        },
        fail,
      );
      if (archive) {
        archive.on("error", fail);
        archive.pipe(request);
      } else request.end(text);
    });
  }

  return {
    socket,
    check: alive.check,

    call: (call) =>
      send<Answer>(call, { ...call, timeoutMs: call.timeoutMs ?? CALL_TIMEOUT_MS }, (request, resolve, fail) => {
        request.on("response", (response) => {
          readAnswer(response, call.what).then(
            (answer) => (answer.status < 400 ? resolve(answer) : fail(refused(answer.status, answer.body, call.what))),
            fail,
          );
        });
      }),

    open: (call) =>
      send<IncomingMessage>(call, { ...call, timeoutMs: call.timeoutMs }, (request, resolve, fail) => {
        let end = fail;
        const abort = (): void => end(new NovaError("ENGINE_LOST", `The request to ${call.what} was given up.`));
        call.signal?.addEventListener("abort", abort, { once: true });
        request.on("close", () => call.signal?.removeEventListener("abort", abort));
        request.on("response", (response) => {
          // An engine may answer before it has read a whole archive, and then closes: the answer is what counts.
          request.off("error", fail);
          request.on("error", () => {});
          if ((response.statusCode ?? 0) >= 400) {
            readAnswer(response, call.what).then((answer) => fail(refused(answer.status, answer.body, call.what)), fail);
            return;
          }
          // Whoever reads gets the error; with no listener a stream forgets it.
          response.on("error", () => {});
          end = (error) => void response.destroy(error instanceof Error ? error : undefined);
          response.on("close", alive.watch(end));
          resolve(response);
        });
        if (call.signal?.aborted) abort();
      }),

    hijack: (call) =>
      send(
        call,
        { ...call, headers: { connection: "Upgrade", upgrade: "tcp" }, timeoutMs: call.timeoutMs ?? CALL_TIMEOUT_MS },
        (request, resolve, fail) => {
          request.on("upgrade", (_response, stream, head) => {
            if (stream instanceof Socket) resolve({ stream, head });
            else fail(new NovaError("INTERNAL", `The connection to ${socket} is no socket.`));
          });
          request.on("response", (response) => {
            const none = (status: number): NovaError =>
              new NovaError("ENGINE_RESPONSE", `The engine answered ${status} and no stream when asked to ${call.what}.`);
            readAnswer(response, call.what).then(
              (answer) => fail(answer.status < 400 ? none(answer.status) : refused(answer.status, answer.body, call.what)),
              fail,
            );
          });
        },
      ),
  };
}

function queryString(query: Readonly<Record<string, string | readonly string[]>>): string {
  return new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one])),
  ).toString();
}

async function readAnswer(response: IncomingMessage, what: string): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The iterator throws when the connection breaks before the answer is whole.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES)
      throw new NovaError("ENGINE_RESPONSE", `The engine answered more than ${ANSWER_LIMIT_BYTES} bytes when asked to ${what}.`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: parseBody(Buffer.concat(chunks).toString("utf8")) };
}

function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
