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

export async function openAccess({ shelf, localToken, hosts, now = Date.now }: AccessOptions): Promise<Access> {
  const tokens = new Tokens(shelf, await shelf.tokens(), now);
  const sessions = new Sessions(shelf, await shelf.sessions(), now);
  const tickets = new Tickets(now);
  const failures = new Failures(now);
  const knock = createHostCheck(hosts);
  const known = new Set<string>();
  const ends = new Map<string, AbortController>();
  /** Of those who came in by a cookie, the session's digest. */
  const sessionOf = new WeakMap<Caller, string>();
  if (await tokens.setLocal(localToken)) await sessions.end(({ name }) => name === LOCAL_TOKEN);

  /** From here to its answer nothing waits, so that attempts made at once are counted one by one. */
  const judge = (address: string, digest: string, found: Caller | null, what: string): Caller => {
    const pair = `${networkOf(address)} ${digest}`;
    const waitMs = failures.waitMs(address);
    if (waitMs > 0 && !(found && known.has(pair))) throw limited(waitMs);
    if (!found) {
      failures.failed(address);
      throw denied(what);
    }
    known.delete(pair);
    known.add(pair);
    if (known.size > KNOWN) for (const oldest of [...known].slice(0, 1)) known.delete(oldest);
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
    sessionOf.set(caller, digest);
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
        // Its caller may have been sent away, or been given less, meanwhile.
        const caller = scope && tokens.byName(scope.caller.name);
        const found = judge(peerAddress, digest, caller, "The ticket was used, is too old, or is for another worker.");
        known.delete(`${networkOf(peerAddress)} ${digest}`);
        return { ...(scope as NonNullable<typeof scope>), caller: found };
      },
    },
    ended(caller) {
      const end = ends.get(caller.name) ?? new AbortController();
      ends.set(caller.name, end);
      const session = sessionOf.get(caller);
      return session === undefined ? end.signal : AbortSignal.any([end.signal, sessions.ended(session)]);
    },
  };
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
