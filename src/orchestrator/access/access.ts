import type { Caller } from "../../model/api/access.ts";
import type { Tickets, Tokens } from "../ports.ts";

/** What a door knows of who asks, before it lets them in. */
export interface Asking {
  readonly request: Request;
  /** Of the connection, without a port: `127.0.0.1`, `::1`. */
  readonly peerAddress: string;
  /** To be told the name of the token by which the caller is let in. Throws ACCESS_LIMITED where that one holds too many connections. */
  admitted?(name: string): void;
}

/** A login with a token, for a browser. */
export interface Session {
  readonly caller: Caller;
  /** The whole `Set-Cookie`. */
  readonly cookie: string;
}

/** What a ticket lets in. */
export interface TicketScope {
  readonly worker: string;
  readonly caller: Caller;
  readonly readonly: boolean;
  readonly record: boolean;
}

/**
 * Who may come in, at every door of the orchestrator. Everything here throws, or rejects with, ACCESS_DENIED (no token, or not a valid one),
 * ACCESS_FORBIDDEN (another Host or Origin, or a role that is not enough) and ACCESS_LIMITED (too many failures from that address; `facts.retryAfterS`).
 */
export interface Access {
  /** Whether a request may be looked at at all, whoever asks: by its Host, since a page may make a browser believe that any name is this address, and its Origin. */
  knock(request: Request): void;
  /** Who asks: by a Bearer token, or by the session's cookie, which beside reading and for sockets counts with this house's own Origin alone. */
  admit(asking: Asking, purpose: "read" | "change" | "socket"): Promise<Caller>;
  login(asking: Asking, token: string): Promise<Session>;
  /** Ends the request's session, if it has one. Gives the `Set-Cookie` that takes the cookie away. */
  logout(request: Request): Promise<string>;
  /** This machine's own token cannot be removed: REQUEST_INVALID. */
  readonly tokens: Tokens;
  readonly tickets: Tickets & {
    /** Once. Rejects with ACCESS_DENIED. */
    redeem(asking: Asking, worker: string, ticket: string): Promise<TicketScope>;
  };
  /** Aborted when the token is removed, or the session ends, by which `admit` let this caller in: what it opened ends. */
  ended(caller: Caller): AbortSignal;
}

export interface KeptToken extends Caller {
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly createdAtMs: number;
}

export interface KeptSession {
  readonly sha256: string;
  /** The token's name. */
  readonly name: string;
  readonly endsAtMs: number;
}

/** Where tokens and sessions are kept, by their hashes. */
export interface AccessShelf {
  /** Short and the same for as long as the installation lives: cookies of one host's ports are one pot. */
  readonly installation: string;
  tokens(): Promise<readonly KeptToken[]>;
  putTokens(tokens: readonly KeptToken[]): Promise<void>;
  sessions(): Promise<readonly KeptSession[]>;
  putSessions(sessions: readonly KeptSession[]): Promise<void>;
}

/** The token of this machine's own programs. */
export const LOCAL_TOKEN = "local";
