import type { AccessShelf, KeptSession } from "./access.ts";
import { isSecure } from "./hosts.ts";
import { digestOf, newSecret } from "./secret.ts";

const LIFE_MS = 30 * 86_400_000;
const SESSIONS = 1000;
/** Another server on the same host may put cookies of the same name beside this one's. */
const CANDIDATES = 4;

/** Logins of browsers: a random id in a cookie that no script can read, known here by its digest. */
export class Sessions {
  readonly #shelf: AccessShelf;
  readonly #now: () => number;
  /** By digest, the oldest first. */
  readonly #sessions: Map<string, KeptSession>;
  readonly #ends = new Map<string, AbortController>();

  constructor(shelf: AccessShelf, kept: readonly KeptSession[], now: () => number) {
    this.#shelf = shelf;
    this.#now = now;
    this.#sessions = new Map(kept.map((session) => [session.sha256, session]));
  }

  /** Gives the id. */
  async begin(name: string): Promise<string> {
    const id = newSecret();
    const sha256 = await digestOf(id);
    this.#sessions.set(sha256, { sha256, name, endsAtMs: this.#now() + LIFE_MS });
    for (const [digest, { endsAtMs }] of this.#sessions) if (endsAtMs <= this.#now()) this.#forget(digest);
    if (this.#sessions.size > SESSIONS) this.#forget(this.#oldestOfMost());
    await this.#put();
    return id;
  }

  /** The name of the token that it was begun with. */
  nameOf(sha256: string): string | null {
    const session = this.#sessions.get(sha256);
    return session && session.endsAtMs > this.#now() ? session.name : null;
  }

  async end(which: (session: KeptSession) => boolean): Promise<void> {
    const ended = [...this.#sessions.values()].filter(which);
    for (const { sha256 } of ended) this.#forget(sha256);
    if (ended.length > 0) await this.#put();
  }

  /** Aborted when the session is over. */
  ended(sha256: string): AbortSignal {
    const end = this.#ends.get(sha256) ?? new AbortController();
    if (this.#sessions.has(sha256)) this.#ends.set(sha256, end);
    else end.abort();
    return end.signal;
  }

  /** The ids that a request's cookies hold. */
  idsIn(request: Request): readonly string[] {
    const name = this.#cookieName(request);
    return (request.headers.get("cookie") ?? "")
      .split(";")
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${name}=`))
      .map((pair) => pair.slice(name.length + 1))
      .slice(0, CANDIDATES);
  }

  /** The `Set-Cookie` with this id, or the one that takes it away. */
  cookie(request: Request, id: string | null): string {
    const parts = [`${this.#cookieName(request)}=${id ?? ""}`, "Path=/", "HttpOnly", "SameSite=Strict"];
    parts.push(`Max-Age=${id === null ? 0 : LIFE_MS / 1000}`);
    if (isSecure(request)) parts.push("Secure");
    return parts.join("; ");
  }

  /** Browsers keep one pot for all ports of a host, so that two installations need two names; with the prefix they take it under TLS alone. */
  #cookieName(request: Request): string {
    return `${isSecure(request) ? "__Host-" : ""}novabot_session_${this.#shelf.installation}`;
  }

  /** Of the token that has the most: who logs in again and again ends nobody else's. */
  #oldestOfMost(): string {
    const byName = Map.groupBy(this.#sessions.values(), ({ name }) => name);
    const [most] = [...byName.values()].toSorted((a, b) => b.length - a.length);
    return most?.[0]?.sha256 ?? "";
  }

  #forget(sha256: string): void {
    this.#sessions.delete(sha256);
    this.#ends.get(sha256)?.abort();
    this.#ends.delete(sha256);
  }

  async #put(): Promise<void> {
    await this.#shelf.putSessions([...this.#sessions.values()]);
  }
}
