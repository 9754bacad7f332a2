import { Agent as HTTPAgent, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import { Agent as HTTPSAgent } from "node:https";
import type { BrokerPlan } from "../door.ts";
import { onwardHeaders, passOn } from "../pass-on.ts";
import type { BrokerVisit } from "../visit.ts";
import { Reading } from "./reading.ts";

/** The API takes 32 MB in one request; some gateways before it take more. */
const bodyLimitBytes = 64 * 1024 * 1024;
/** What the API wants to hear when the credential is one of Claude Code's. */
const oauthBeta = "oauth-2025-04-20";

/** Connections to the API wait for the next request, so that it does not begin with a handshake. */
const pool = { keepAlive: true, maxFreeSockets: 16 };

/** What an agent's run needs of the API. Everything else that a key may do stays with its owner. */
const allowed: readonly { readonly methods: readonly string[]; readonly path: RegExp }[] = [
  { methods: ["POST"], path: /^\/v1\/messages(?:\/count_tokens)?$/ },
  { methods: ["GET"], path: /^\/v1\/models(?:\/[A-Za-z0-9][A-Za-z0-9._:@[\]-]{0,127})?$/ },
  { methods: ["GET", "HEAD"], path: /^\/$/ },
];

/** Takes an agent's requests to the model's API and puts the credential in, which the agent never sees. */
export class Broker {
  readonly #plain = new HTTPAgent(pool);
  readonly #secure = new HTTPSAgent(pool);

  handle(request: IncomingMessage, response: ServerResponse, visit: BrokerVisit | null): void {
    if (!visit) {
      return fail(response, 403, "permission_error", "this container has no way to the model's API");
    }
    const [path, query] = splitPath(request.url ?? "/");
    const { method = "GET" } = request;
    if (!allowed.some((entry) => entry.methods.includes(method) && entry.path.test(path))) {
      return fail(
        response,
        403,
        "permission_error",
        `${method} ${path.slice(0, 200)} is not among the requests that an agent may make`,
      );
    }
    if (!visit.isToken(givenToken(request))) {
      // Clients look whether the API is there before they have a key in hand; that carries no credential either.
      if (path !== "/") return fail(response, 401, "authentication_error", "the token is not this run's");
      return this.#pass(request, response, { path, query, visit, isTrusted: false });
    }
    this.#pass(request, response, { path, query, visit, isTrusted: true });
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  #pass(
    request: IncomingMessage,
    response: ServerResponse,
    to: { path: string; query: string | undefined; visit: BrokerVisit; isTrusted: boolean },
  ): void {
    const { visit } = to;
    const upstream = new URL(visit.plan.upstream);
    const protocol = upstream.protocol === "https:" ? "https:" : "http:";
    const base = upstream.pathname.replace(/\/$/, "");
    const isCounted = request.method === "POST" && to.path === "/v1/messages";
    passOn(request, response, {
      options: {
        protocol,
        hostname: upstream.hostname.replace(/^\[|\]$/g, ""),
        port: upstream.port || (protocol === "https:" ? 443 : 80),
        method: request.method ?? "GET",
        path: `${base}${to.path}${to.query === undefined ? "" : `?${to.query}`}`,
        headers: { ...credentialed(onwardHeaders(request), to.isTrusted ? visit : null), host: upstream.host },
        agent: protocol === "https:" ? this.#secure : this.#plain,
      },
      bodyLimitBytes,
      onAnswer(answer) {
        const status = answer.statusCode ?? 0;
        if (!isCounted || status < 200 || status >= 300) return undefined;
        const isPlain = (answer.headers["content-encoding"] ?? "identity") === "identity";
        const reading = new Reading(isPlain ? (answer.headers["content-type"] ?? "") : "");
        visit.meter.begin(reading);
        return {
          write: (chunk) => reading.write(chunk),
          end: () => {
            reading.end();
            visit.meter.finish(reading);
          },
        };
      },
      refuse(status, reason) {
        if (status === 413) fail(response, 413, "request_too_large", reason);
        else fail(response, status, "api_error", `${upstream.origin} cannot be reached: ${reason}`);
      },
    });
  }
}

/** Whatever stood for a credential goes; the real one comes in its place. Answers come uncompressed, so that their counts can be read. */
function credentialed(headers: OutgoingHttpHeaders, visit: BrokerVisit | null): OutgoingHttpHeaders {
  const { "x-api-key": _key, authorization: _authorization, cookie: _cookie, ...rest } = headers;
  const plain: OutgoingHttpHeaders = { ...rest, "accept-encoding": "identity" };
  if (!visit) return plain;
  if (kindOf(visit.plan) === "key") return { ...plain, "x-api-key": visit.credential };
  const betas = String(rest["anthropic-beta"] ?? "")
    .split(",")
    .map((beta) => beta.trim())
    .filter(Boolean);
  const all = betas.includes(oauthBeta) ? betas : [...betas, oauthBeta];
  return { ...plain, authorization: `Bearer ${visit.credential}`, "anthropic-beta": all.join(",") };
}

function kindOf(plan: BrokerPlan): "key" | "token" {
  return plan.credential === "ANTHROPIC_API_KEY" ? "key" : "token";
}

function givenToken(request: IncomingMessage): string {
  const key = request.headers["x-api-key"];
  if (typeof key === "string" && key !== "") return key;
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
}

function splitPath(url: string): [string, string | undefined] {
  const at = url.indexOf("?");
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + 1)];
}

/** An error as the API itself would put it, so that its clients understand it. */
function fail(response: ServerResponse, status: number, type: string, message: string): void {
  const body = JSON.stringify({ type: "error", error: { type, message: `NovaBot's gateway: ${message}` } });
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
