import { NovaError } from "../../model/errors.ts";
import type { AppAccess } from "../rest/environment.ts";
import type { Access } from "./access.ts";
import { protect } from "./headers.ts";
import { isSecure } from "./hosts.ts";
import { pageDoor } from "./page.ts";
import { sessionDoor } from "./session-door.ts";

/** Of a request's body, in bytes. */
const BODY_BYTES = 1_048_576;
/** A token takes far less. */
const OPEN_BODY_BYTES = 8192;

const reading = new Set(["GET", "HEAD", "OPTIONS"]);

/** The house's access as the app of its doors asks it. */
export function appAccess(access: Access): AppAccess {
  return {
    outer: async (context, next) => {
      try {
        access.knock(context.req.raw);
        refuseLarge(context.req.raw, context.req.path === "/api/session" ? OPEN_BODY_BYTES : BODY_BYTES);
        await next();
        // Nobody reads it, and what it reads from would stay open.
        if (context.req.method === "HEAD") await context.res.body?.cancel();
      } finally {
        protect(context.res.headers, isSecure(context.req.raw));
      }
    },
    open: pageDoor(access).route("/", sessionDoor(access)),
    guard: async (context, next) => {
      const asking = { request: context.req.raw, peerAddress: context.env.peerAddress };
      const caller = await access.admit(asking, reading.has(context.req.method) ? "read" : "change");
      context.env.admitted?.(caller.name);
      context.set("caller", caller);
      context.set("ended", access.ended(caller));
      await next();
    },
  };
}

/** Whoever serves this reads no more of a body than its head says. */
function refuseLarge({ headers }: Request, most: number): void {
  if (headers.has("transfer-encoding"))
    throw new NovaError("REQUEST_INVALID", "The request does not say how long its body is.", {
      place: "Content-Length",
      next: "Send the body whole, with its length.",
    });
  const length = Number(headers.get("content-length") ?? 0);
  if (!(length <= most))
    throw new NovaError("REQUEST_TOO_LARGE", `The request's body has ${length} bytes; ${most} are taken at most.`);
}
