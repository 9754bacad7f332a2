import { Agent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { NovaError } from "../../model/errors.ts";
import { brokenConnection, refused } from "./errors.ts";

/**
 * The Engine API over a unix socket, on node:http. A client library would cost every start of the program 150 ms and 30 MB, read
 * DOCKER_HOST behind our back, and hang when the daemon dies in the middle of an answer.
 */
export interface Connection {
  readonly socket: string;
  /** A request with a short answer, parsed from JSON when it is JSON. Rejects when it takes longer than `timeoutMs`. */
  call(request: Call): Promise<Answer>;
  /** A request whose answer is read as it comes; resolves at its headers, without a limit of time. */
  open(request: StreamCall): Promise<IncomingMessage>;
  /** A request that turns its connection into a raw two-way stream. `head` is what came with the answer. */
  hijack(request: Call): Promise<{ readonly socket: Socket; readonly head: Buffer }>;
}

export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** What the request is about, for error messages: `create the container "x"`. */
  readonly what: string;
}

export interface StreamCall extends Omit<Call, "body" | "timeoutMs"> {
  readonly body?: Readable | object;
  readonly signal?: AbortSignal;
  /** The end of the answer's headers must come within this time; no limit when left out. */
  readonly headersTimeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A daemon that is alive answers a short request within this time even on a machine that swaps. */
const CALL_TIMEOUT_MS = 60_000;
/** No honest answer of the calls in use comes near this; what is larger is not kept in memory. */
const ANSWER_LIMIT_BYTES = 64 * 2 ** 20;

export function connect(socket: string): Connection {
  // A connection for each request: one that was kept open outlives the socket's removal and breaks at the daemon's restart.
  const agent = new Agent({ keepAlive: false });

  function send(call: Call | StreamCall, headers: Record<string, string> = {}): ClientRequest {
    return httpRequest({
      socketPath: socket,
      agent,
      method: call.method,
      path: call.query === undefined ? call.path : `${call.path}?${queryString(call.query)}`,
      headers: { host: "engine", ...headers },
    });
  }

  return {
    socket,

    async call(call) {
      return await new Promise<Answer>((resolve, reject) => {
        const text = call.body === undefined ? undefined : JSON.stringify(call.body);
        const request = send(call, text === undefined ? {} : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) });
        const timeoutMs = call.timeoutMs ?? CALL_TIMEOUT_MS;
        const timer = setTimeout(() => {
          fail(new NovaError("ENGINE_LOST", `The engine at ${socket} did not ${call.what} within ${timeoutMs} ms.`, { facts: { socket, hang: true } }));
        }, timeoutMs);
        const fail = (error: unknown): void => {
          clearTimeout(timer);
          request.destroy();
          reject(error instanceof NovaError ? error : brokenConnection(error, socket, call.what));
        };
        request.on("error", fail);
        request.on("response", (response) => {
          readAnswer(response, socket, call.what).then((answer) => {
            clearTimeout(timer);
            if (answer.status >= 400) reject(refused(answer.status, answer.body, call.what));
            else resolve(answer);
          }, fail);
        });
        request.end(text);
      });
    },

    async open(call) {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        const isStream = call.body !== undefined && "pipe" in call.body;
        const text = call.body === undefined || isStream ? undefined : JSON.stringify(call.body);
        const headers: Record<string, string> = {};
        if (isStream) headers["content-type"] = "application/x-tar";
        if (text !== undefined) {
          headers["content-type"] = "application/json";
          headers["content-length"] = String(Buffer.byteLength(text));
        }
        const request = send(call, headers);
        let answered = false;
        const fail = (error: unknown): void => {
          if (timer) clearTimeout(timer);
          request.destroy();
          reject(error instanceof NovaError ? error : brokenConnection(error, socket, call.what));
        };
        const timer =
          call.headersTimeoutMs === undefined
            ? undefined
            : setTimeout(() => {
                fail(new NovaError("ENGINE_LOST", `The engine at ${socket} did not ${call.what} within ${call.headersTimeoutMs} ms.`, { facts: { socket, hang: true } }));
              }, call.headersTimeoutMs);
        const abort = (): void => {
          request.destroy();
          reject(new NovaError("ENGINE_LOST", `The request to ${call.what} was given up.`));
        };
        call.signal?.addEventListener("abort", abort, { once: true });
        request.on("close", () => call.signal?.removeEventListener("abort", abort));
        request.on("error", (error) => {
          // An engine may answer before it has read the whole body, and then closes: the answer is what counts.
          if (!answered) fail(error);
        });
        request.on("response", (response) => {
          answered = true;
          if (timer) clearTimeout(timer);
          if ((response.statusCode ?? 0) < 400) return resolve(response);
          readAnswer(response, socket, call.what).then((answer) => reject(refused(answer.status, answer.body, call.what)), fail);
        });
        if (call.signal?.aborted) return abort();
        if (isStream) {
          const body = call.body as Readable;
          body.on("error", fail);
          body.pipe(request);
        } else request.end(text);
      });
    },

    async hijack(call) {
      return await new Promise((resolve, reject) => {
        const text = call.body === undefined ? "" : JSON.stringify(call.body);
        const request = send(call, {
          connection: "Upgrade",
          upgrade: "tcp",
          "content-type": "application/json",
          "content-length": String(Buffer.byteLength(text)),
        });
        const timeoutMs = call.timeoutMs ?? CALL_TIMEOUT_MS;
        const timer = setTimeout(() => {
          fail(new NovaError("ENGINE_LOST", `The engine at ${socket} did not ${call.what} within ${timeoutMs} ms.`, { facts: { socket, hang: true } }));
        }, timeoutMs);
        const fail = (error: unknown): void => {
          clearTimeout(timer);
          request.destroy();
          reject(error instanceof NovaError ? error : brokenConnection(error, socket, call.what));
        };
        request.on("error", fail);
        request.on("upgrade", (_response, stream, head) => {
          clearTimeout(timer);
          resolve({ socket: stream as Socket, head });
        });
        request.on("response", (response) => {
          readAnswer(response, socket, call.what).then((answer) => {
            fail(
              answer.status >= 400
                ? refused(answer.status, answer.body, call.what)
                : new NovaError("ENGINE_RESPONSE", `The engine answered ${answer.status} and no stream when asked to ${call.what}.`),
            );
          }, fail);
        });
        request.end(text);
      });
    },
  };
}

function queryString(query: Readonly<Record<string, string | readonly string[]>>): string {
  return new URLSearchParams(Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one] as [string, string]))).toString();
}

async function readAnswer(response: IncomingMessage, socket: string, what: string): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The iterator throws when the connection breaks before the answer is whole.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES) {
      throw new NovaError("ENGINE_RESPONSE", `The engine at ${socket} answered more than ${ANSWER_LIMIT_BYTES} bytes when asked to ${what}.`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: response.statusCode ?? 0, body: parseBody(text) };
}

function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
