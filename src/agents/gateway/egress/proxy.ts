import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { formatTarget, parseTarget, type Target } from "./target.ts";
import { checkedAddresses, OneByOne, type DNSLookup } from "./resolve.ts";
import { dial, fixedLookup, join, listenFirst } from "./tunnel.ts";
import { findRule } from "./rules.ts";
import type { Flows } from "../flows.ts";
import { onwardHeaders, passOn } from "../pass-on.ts";
import type { OpenVisit } from "../visit.ts";

/** Many names are served at one address there, and the first message says which is meant: it must be the one that was allowed. */
const tlsPort = 443;
const bodyLimitBytes = 1024 * 1024 * 1024;

/** What a request to the proxy came to before anything is connected. */
type Verdict =
  | { readonly target: Target; readonly addresses: readonly string[] }
  | { readonly status: number; readonly reason: string };

/** Lets an `egress` container's requests out to what the rules name, and nowhere else. */
export class EgressProxy {
  readonly #lookup: DNSLookup;
  readonly #resolving = new WeakMap<OpenVisit, OneByOne>();

  constructor(lookup: DNSLookup) {
    this.#lookup = lookup;
  }

  /** `CONNECT name:port`: a tunnel. */
  async connect(request: IncomingMessage, client: Socket, head: Buffer, visit: OpenVisit, flows: Flows): Promise<void> {
    const verdict = await this.#judge(visit, request.url ?? "", parseTarget(request.url ?? ""));
    if (client.destroyed) return;
    if ("status" in verdict) return answer(client, verdict.status, verdict.reason);
    const { target, addresses } = verdict;
    if (flows.isFull) return answer(client, 503, "Too many connections at once.");
    let remote: Socket;
    try {
      remote = await dial(target.host, addresses, target.port, flows);
    } catch (thrown) {
      return answer(
        client,
        502,
        `${formatTarget(target)} cannot be reached: ${thrown instanceof Error ? thrown.message : "closed"}.`,
      );
    }
    if (client.destroyed) {
      remote.destroy();
      return;
    }
    remote.once("close", () => remote.errored && client.destroy());
    if (head.length) client.unshift(head);
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    if (target.port === tlsPort && !target.isAddress) {
      const { opening, bytes } = await listenFirst(client);
      const isOther = opening.is === "tls" && opening.name !== target.host;
      if (isOther) visit.deny(formatTarget(target), `TLS was begun for ${opening.name ?? "no name"}`);
      // Half a first message is not passed on either: it has not said where it goes.
      if (isOther || client.destroyed || remote.destroyed || (opening.is === "unfinished" && bytes.length > 0)) {
        client.destroy();
        remote.destroy();
        return;
      }
      if (bytes.length) remote.write(bytes);
    }
    join(client, remote);
  }

  /** `GET http://name/path`: a request that is passed on, its `Host` being the name that was checked. */
  async request(request: IncomingMessage, response: ServerResponse, visit: OpenVisit): Promise<void> {
    const match = /^http:\/\/([^/?#]+)(.*)$/is.exec(request.url ?? "");
    const authority = match?.[1] ?? "";
    const verdict = await this.#judge(visit, match ? authority : (request.url ?? ""), parseTarget(authority, 80));
    if (response.destroyed) return;
    const refuse = (status: number, reason: string): void => {
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
      response.end(`${reason}\n`);
    };
    if ("status" in verdict) return refuse(verdict.status, verdict.reason);
    const { target, addresses } = verdict;
    const rest = (match?.[2] ?? "").replace(/#.*$/s, "");
    passOn(request, response, {
      options: {
        protocol: "http:",
        hostname: target.host,
        port: target.port,
        method: request.method ?? "GET",
        path: rest.startsWith("/") ? rest : `/${rest}`,
        headers: {
          ...onwardHeaders(request),
          host: target.port === 80 ? formatTarget(target).replace(/:80$/, "") : formatTarget(target),
        },
        lookup: fixedLookup(addresses),
        agent: false,
      },
      bodyLimitBytes,
      refuse: (status, reason) => refuse(status, `${formatTarget(target)} cannot be reached: ${reason}.`),
    });
  }

  /** The system has few threads to resolve names on: no container gets more than one of them at a time. */
  #lookupOf(visit: OpenVisit): DNSLookup {
    let queue = this.#resolving.get(visit);
    if (!queue) this.#resolving.set(visit, (queue = new OneByOne(this.#lookup)));
    return queue.lookup;
  }

  async #judge(visit: OpenVisit, asked: string, target: Target | undefined): Promise<Verdict> {
    if (!visit.rules) return { status: 403, reason: "This container does not go out by the proxy." };
    const deny = (shown: string, reason: string): Verdict => {
      visit.deny(shown, reason);
      return { status: 403, reason: `NovaBot lets nothing through to ${shown.slice(0, 200)}: ${reason}. ${mend(visit)}` };
    };
    if (!target) return deny(asked, "it is no name and port");
    const rule = findRule(visit.rules, target);
    // A name that is not allowed is not even resolved: asking for it could carry data out.
    if (!rule) return deny(formatTarget(target), "no rule allows it");
    const checked = await checkedAddresses(target, rule, this.#lookupOf(visit));
    if ("refused" in checked) return deny(formatTarget(target), checked.refused);
    if ("failed" in checked) return { status: 502, reason: `${formatTarget(target)} cannot be reached: ${checked.failed}.` };
    return { target, addresses: checked.addresses };
  }
}

function mend({ folder }: OpenVisit): string {
  return `The owner can allow it in egress-allowlist.json, or in the group's \`egress\` (\`novabot explain ${folder}\` says where they are).`;
}

/** An answer to CONNECT, for which Node has no response of its own. */
function answer(client: Socket, status: number, reason: string): void {
  const body = `${reason}\n`;
  const title = { 403: "Forbidden", 502: "Bad Gateway", 503: "Service Unavailable" }[status] ?? "Refused";
  client.on("error", () => undefined);
  client.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  client.resume();
  client.setTimeout(1000, () => client.destroy());
}
