import type { Hono, MiddlewareHandler } from "hono";
import type { Caller } from "../../model/api/access.ts";

/** What the doors' requests carry. */
export interface AppEnv {
  Bindings: {
    /** Of whoever is at the other end of the connection. */
    readonly peerAddress: string;
    /** Told the name of the token by which the caller is let in. Throws ACCESS_LIMITED where that one holds too many connections. */
    admitted?(name: string): void;
  };
  Variables: {
    caller: Caller;
    /** The call's name or the door's path, for counting. */
    route?: string;
    /** Aborted when the caller's right to be here ends, so that what follows ends as well. */
    ended?: AbortSignal;
  };
}

/** Who may come in, as the app asks it. */
export interface AppAccess {
  /** Meets every request: Host, Origin, sizes, and the headers of every answer. */
  readonly outer: MiddlewareHandler<AppEnv>;
  /** Doors that need no token. */
  readonly open: Hono<AppEnv>;
  /** Sets the caller, or throws. */
  readonly guard: MiddlewareHandler<AppEnv>;
}
