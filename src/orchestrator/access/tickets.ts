import { digestOf, newSecret } from "./secret.ts";
import type { TicketScope } from "./access.ts";

const LIFE_MS = 30_000;
/** That one caller has and has not used. */
const OUTSTANDING = 100;

interface Ticket {
  readonly scope: TicketScope;
  readonly expiresAtMs: number;
}

/** Tickets that let one connection in each: a browser's WebSocket can carry no token in its head. They live in memory alone. */
export class Tickets {
  readonly #now: () => number;
  /** By digest, in the order in which they expire. */
  readonly #tickets = new Map<string, Ticket>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async issue(scope: TicketScope): Promise<{ ticket: string; expiresAtMs: number }> {
    const ticket = newSecret();
    const digest = await digestOf(ticket);
    this.#forgetOld();
    const own = [...this.#tickets].filter(([, other]) => other.scope.caller.name === scope.caller.name);
    for (const [old] of own.slice(0, Math.max(0, own.length - OUTSTANDING + 1))) this.#tickets.delete(old);
    const expiresAtMs = this.#now() + LIFE_MS;
    this.#tickets.set(digest, { scope, expiresAtMs });
    return { ticket, expiresAtMs };
  }

  /** Null where there is none for this worker; whichever it was for, it is used up. */
  take(digest: string, worker: string): TicketScope | null {
    this.#forgetOld();
    const ticket = this.#tickets.get(digest);
    this.#tickets.delete(digest);
    return ticket && ticket.scope.worker === worker ? ticket.scope : null;
  }

  #forgetOld(): void {
    for (const [digest, { expiresAtMs }] of this.#tickets) {
      if (expiresAtMs > this.#now()) break;
      this.#tickets.delete(digest);
    }
  }
}
