import ipaddr from "ipaddr.js";
import type { Caller } from "../../model/api/access.ts";
import { NovaError } from "../../model/errors.ts";
import { type Access, type AccessShelf, type Asking, LOCAL_TOKEN } from "./access.ts";
import { Failures, networkOf } from "./failures.ts";
import { createHostCheck, type HostRule, isOwnOrigin } from "./hosts.ts";
import { digestOf } from "./secret.ts";
import { Sessions } from "./sessions.ts";
import { Tickets } from "./tickets.ts";
import { Tokens } from "./tokens.ts";

export interface AccessOptions {
  readonly shelf: AccessShelf;
  /** The token of this machine's own programs, with the role `admin`. */
  readonly localToken: string;
  readonly hosts: HostRule;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Pairs of an address and what it came in with, which go on when the address fails otherwise. */
const KNOWN = 10_000;

/** What somebody who was let in came in by, as it was at that moment: what is taken from them on the way to what they open is not missed. */
interface Right {
  readonly token: AbortSignal;
  /** The session's digest; null where there is none. */
  readonly session: string | null;
}

export async function openAccess({ shelf, localToken, hosts, now = Date.now }: AccessOptions): Promise<Access> {
  const tokens = new Tokens(shelf, await shelf.tokens(), now);
  const sessions = new Sessions(shelf, await shelf.sessions(), now);
  const tickets = new Tickets(now);
  const failures = new Failures(now);
  const knock = createHostCheck(hosts);
  const known = new Set<string>();
  const ends = new Map<string, AbortController>();
  const rights = new WeakMap<Caller, Right>();
  if (await tokens.setLocal(localToken)) await sessions.end(({ name }) => name === LOCAL_TOKEN);

  const tokenEnd = (name: string): AbortSignal => {
    const end = ends.get(name) ?? new AbortController();
    ends.set(name, end);
    return end.signal;
  };
  const endOf = ({ token, session }: Right): AbortSignal =>
    session === null ? token : AbortSignal.any([token, sessions.ended(session)]);

  /** From here to its answer nothing waits, so that attempts made at once are counted one by one. */
  const judge = (address: string, digest: string, found: Caller | null, what: string): Caller => {
    const pair = `${networkOf(address)} ${digest}`;
    const waitMs = failures.waitMs(address);
    // All of a machine's programs have one address, and a virtual machine's containers may have it too: whoever fails there keeps out no owner.
    const isOwn = found?.name === LOCAL_TOKEN && isLoopback(address);
    if (waitMs > 0 && !isOwn && !(found && known.has(pair))) throw limited(waitMs);
    if (!found) {
      failures.failed(address);
      throw denied(what);
    }
    known.delete(pair);
    known.add(pair);
    const [oldest] = known;
    if (known.size > KNOWN && oldest !== undefined) known.delete(oldest);
    rights.set(found, { token: tokenEnd(found.name), session: null });
    return found;
  };

  const byToken = async (token: string, { peerAddress }: Asking): Promise<Caller> => {
    const digest = await digestOf(token);
    return judge(peerAddress, digest, tokens.byDigest(digest), "The token is not one of this house's.");
  };

  const bySession = async ({ request, peerAddress }: Asking): Promise<Caller> => {
    const digests = await Promise.all(sessions.idsIn(request).map(digestOf));
    const [first] = digests;
    if (first === undefined) throw denied("The request has no token.");
    const digest = digests.find((one) => sessions.nameOf(one) !== null) ?? first;
    const caller = judge(peerAddress, digest, tokens.byName(sessions.nameOf(digest) ?? ""), "The session is over, or never was.");
    rights.set(caller, { token: tokenEnd(caller.name), session: digest });
    return caller;
  };

  return {
    knock,
    async admit(asking, purpose) {
      const authorization = asking.request.headers.get("authorization");
      if (authorization !== null) {
        const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
        if (token === undefined) throw denied("The request's Authorization is not one Bearer token.");
        return await byToken(token, asking);
      }
      const caller = await bySession(asking);
      refuseOtherPage(asking.request);
      // Cookies come with what other pages of this host send, on whatever port they are served.
      if (purpose !== "read" && !isOwnOrigin(asking.request, asking.request.headers.get("origin")))
        throw new NovaError("ACCESS_FORBIDDEN", "A request with a session's cookie must name this house's own Origin.", {
          place: "Origin",
          next: "Ask from this house's page, or send a token as `Authorization: Bearer TOKEN`.",
        });
      return caller;
    },
    async login(asking, token) {
      const caller = await byToken(token, asking);
      return { caller, cookie: sessions.cookie(asking.request, await sessions.begin(caller.name)) };
    },
    async logout(request) {
      const digests = new Set(await Promise.all(sessions.idsIn(request).map(digestOf)));
      await sessions.end(({ sha256 }) => digests.has(sha256));
      return sessions.cookie(request, null);
    },
    tokens: {
      list: async () => tokens.list(),
      add: (name, role) => tokens.add(name, role),
      async remove(name) {
        await tokens.remove(name);
        ends.get(name)?.abort();
        ends.delete(name);
        await sessions.end((session) => session.name === name);
      },
    },
    tickets: {
      issue: (scope) => tickets.issue(scope),
      async redeem({ peerAddress }, worker, ticket) {
        const digest = await digestOf(ticket);
        const scope = tickets.take(digest, worker);
        const right = scope && rights.get(scope.caller);
        // Its caller may have been sent away, or have logged out, or been given less, meanwhile.
        const caller = scope && !(right && endOf(right).aborted) ? tokens.byName(scope.caller.name) : null;
        const found = judge(peerAddress, digest, caller, "The ticket was used, is too old, or is for another worker.");
        known.delete(`${networkOf(peerAddress)} ${digest}`);
        if (right) rights.set(found, right);
        return { ...(scope as NonNullable<typeof scope>), caller: found };
      },
    },
    ended(caller) {
      return endOf(rights.get(caller) ?? { token: tokenEnd(caller.name), session: null });
    },
  };
}

/**
 * Another server of this host is the same site to a browser, which sends the cookie with what that one's pages load, without an Origin where they do not
 * look at the answer. A link may lead here all the same.
 */
function refuseOtherPage({ headers }: Request): void {
  const site = headers.get("sec-fetch-site") ?? "none";
  if (site === "same-origin" || site === "none" || headers.get("sec-fetch-mode") === "navigate") return;
  throw new NovaError("ACCESS_FORBIDDEN", "A page of another server asks with this house's cookie.", {
    place: "Sec-Fetch-Site",
    next: "Ask from this house's page, or send a token as `Authorization: Bearer TOKEN`.",
  });
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}

function denied(message: string): NovaError {
  return new NovaError("ACCESS_DENIED", message, {
    next: "Send a valid token as `Authorization: Bearer TOKEN`, or log in at this house's page.",
  });
}

function limited(waitMs: number): NovaError {
  const retryAfterS = Math.ceil(waitMs / 1000);
  return new NovaError("ACCESS_LIMITED", `Too many attempts from your address failed: try again in ${retryAfterS} s.`, {
    next: `Wait ${retryAfterS} s, then try again with a valid token.`,
    facts: { retryAfterS },
  });
}
