import { request, type IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { NovaError, errorCodes, hasCode, messageOf, quote, type ErrorCode } from "../../model/errors.ts";
import { controlSocket } from "./socket.ts";

const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

const failureSchema = z.object({
  error: z.object({
    code: z.string().refine(isCode),
    message: z.string(),
    place: z.string().nullable(),
    next: z.string(),
    facts: z.record(z.string(), z.unknown()),
  }),
});

/**
 * Asks the `novabot serve` of `home` and gives its answer. Rejects with `SERVE_NOT_RUNNING` when none answers, and with the
 * error that it answered otherwise.
 */
export async function callServe(home: Home, path: string, body: unknown = {}): Promise<unknown> {
  const response = await connect(home, "POST", path, JSON.stringify(body));
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  const answer: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
  if (response.statusCode !== 200) throw errorIn(answer);
  return answer;
}

export interface ServeEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Events as they come, until `signal` aborts or the server ends. */
export async function* watchServe(home: Home, path: string, signal: AbortSignal): AsyncGenerator<ServeEvent> {
  const response = await connect(home, "GET", path, undefined, signal);
  const events: ServeEvent[] = [];
  const parser = createParser({
    onEvent: ({ event = "message", data }) => events.push({ event, data: JSON.parse(data) as unknown }),
  });
  response.setEncoding("utf8");
  try {
    if (response.statusCode !== 200) {
      let text = "";
      for await (const part of response as AsyncIterable<string>) text += part;
      throw errorIn(JSON.parse(text));
    }
    for await (const part of response as AsyncIterable<string>) {
      parser.feed(part);
      yield* events.splice(0);
    }
  } catch (thrown) {
    if (!signal.aborted && !hasCode(thrown, "ECONNRESET")) throw thrown;
  }
}

async function connect(home: Home, method: string, path: string, body?: string, signal?: AbortSignal): Promise<IncomingMessage> {
  const { path: socketPath, close } = await controlSocket(home).catch((thrown: unknown) => {
    throw notRunning(home, thrown);
  });
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      request({ socketPath, method, path, headers, agent: false, ...(signal ? { signal } : {}) }, resolve)
        .once("error", reject)
        .end(body);
    });
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    throw notRunning(home, thrown);
  } finally {
    await close();
  }
}

function notRunning(home: Home, thrown: unknown): NovaError {
  return new NovaError("SERVE_NOT_RUNNING", `No \`novabot serve\` answers for the home ${quote(home.root, 400)}.`, {
    place: home.root,
    next: "Start `novabot up`, or `novabot serve` for the agents alone, in another terminal or as a service.",
    facts: { reason: messageOf(thrown) },
    cause: thrown,
  });
}

function errorIn(answer: unknown): NovaError {
  const parsed = failureSchema.safeParse(answer);
  if (!parsed.success) return new NovaError("INTERNAL", "`novabot serve` answered something that cannot be read.");
  const { code, message, place, next, facts } = parsed.data.error;
  return new NovaError(code, message, { ...(place === null ? {} : { place }), next, facts });
}
