import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream";

const connectMs = 30_000;
/** A model may think for long before its first byte, when it does not stream. */
const silenceMs = 900_000;

/** Headers that belong to one connection and not to what passes over it. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** A request's headers as they may go on: without those of the connection, and without `host`, which is the target's. */
export function onwardHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const named = connectionNames(request.headers.connection);
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && name !== "host" && !hopByHop.has(name) && !named.has(name)) headers[name] = value;
  }
  // The body's bounds are what was read here, whatever else the request says of those headers: bytes without bounds would be a
  // request of their own to the target, with an answer that somebody else gets.
  if (request.headers["transfer-encoding"] !== undefined) {
    delete headers["content-length"];
    headers["transfer-encoding"] = "chunked";
  } else if (request.headers["content-length"] !== undefined) {
    headers["content-length"] = request.headers["content-length"];
  }
  return headers;
}

export interface Passing {
  readonly options: RequestOptions & { readonly protocol: "http:" | "https:" };
  readonly bodyLimitBytes: number;
  /** Sees the answer's head before it is passed on; what it returns gets a copy of each part of the body. */
  onAnswer?(answer: IncomingMessage): { write(chunk: Buffer): void; end(): void } | undefined;
  /** Answers in the place of a target that cannot be reached, or of a body that is too long. Nothing is sent yet. */
  refuse(status: number, reason: string): void;
}

/**
 * Passes a request on and its answer back as they come, part by part and no faster than either side takes them. Either
 * side's loss ends the other; nothing is tried twice.
 */
export function passOn(request: IncomingMessage, response: ServerResponse, passing: Passing): void {
  const { options, bodyLimitBytes } = passing;
  let onward: ClientRequest;
  let isSettled = false;
  const refuse = (status: number, reason: string): void => {
    // With an answer under way its own end decides: a target may have answered and hung up before it had the whole request.
    if (isSettled || response.destroyed) return;
    isSettled = true;
    passing.refuse(status, reason);
  };
  try {
    onward = options.protocol === "https:" ? httpsRequest(options) : httpRequest(options);
  } catch (thrown) {
    return refuse(400, thrown instanceof Error ? thrown.message : "not a request");
  }

  onward.on("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => onward.destroy(new Error(`no connection after ${connectMs} ms`)), connectMs);
    socket.once(options.protocol === "https:" ? "secureConnect" : "connect", () => clearTimeout(timer));
    socket.once("close", () => clearTimeout(timer));
  });
  onward.setTimeout(silenceMs, () => onward.destroy(new Error(`nothing came for ${silenceMs} ms`)));
  onward.on("error", (error) => refuse(502, error.message || error.name));
  onward.on("response", (answer) => {
    if (isSettled) {
      answer.destroy();
      return;
    }
    isSettled = true;
    try {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, backwardHeaders(answer));
      response.flushHeaders();
    } catch {
      // A status below 100 and the like can be read, and not written.
      response.destroy();
      answer.destroy();
      return;
    }
    const reader = passing.onAnswer?.(answer);
    if (reader) answer.on("data", (chunk: Buffer) => reader.write(chunk));
    // A broken answer breaks the client's connection, so that half of it is never taken for the whole.
    pipeline(answer, response, (error) => {
      reader?.end();
      if (error) response.destroy();
    });
  });
  response.on("close", () => {
    if (!response.writableFinished || !onward.writableFinished) onward.destroy();
    // What is left of a request that was answered early is read and dropped, or the connection's next one would never be seen.
    request.unpipe(onward);
    request.resume();
  });
  sendBody(request, onward, bodyLimitBytes, () => {
    refuse(413, `the request is longer than ${bodyLimitBytes} bytes`);
    onward.destroy();
  });
}

function sendBody(request: IncomingMessage, onward: ClientRequest, limitBytes: number, onTooLong: () => void): void {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (Number(length ?? 0) > limitBytes) return onTooLong();
  if (length === undefined && encoding === undefined) {
    onward.end();
    request.resume();
    return;
  }
  let total = 0;
  request.on("data", (chunk: Buffer) => {
    total += chunk.length;
    if (total > limitBytes) onTooLong();
  });
  request.on("error", () => onward.destroy());
  request.pipe(onward);
}

/** The answer's headers in their own order and spelling, without those of the connection. */
function backwardHeaders({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = connectionNames(headers.connection);
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !named.has(lower)) kept.push(name, value);
  }
  return kept;
}

function connectionNames(value: string | undefined): ReadonlySet<string> {
  return new Set((value ?? "").split(",").map((name) => name.trim().toLowerCase()));
}
