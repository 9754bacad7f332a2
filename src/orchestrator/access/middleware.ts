import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { NovaError } from "../../model/errors.ts";
import type { AppAccess, AppEnv } from "../rest/environment.ts";
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
  const limit = (maxSize: number): MiddlewareHandler<AppEnv> =>
    bodyLimit({
      maxSize,
      onError: () => {
        throw new NovaError("REQUEST_TOO_LARGE", `The request's body is larger than ${maxSize} bytes.`);
      },
    });
  const large = limit(BODY_BYTES);
  const small = limit(OPEN_BODY_BYTES);
  return {
    outer: async (context, next) => {
      try {
        access.knock(context.req.raw);
        await (context.req.path === "/api/session" ? small : large)(context, next);
      } finally {
        protect(context.res.headers, isSecure(context.req.raw));
      }
    },
    open: pageDoor(access).route("/", sessionDoor(access)),
    guard: async (context, next) => {
      const asking = { request: context.req.raw, peerAddress: context.env.peerAddress };
      const caller = await access.admit(asking, reading.has(context.req.method) ? "read" : "change");
      context.env.admitted?.();
      context.set("caller", caller);
      context.set("ended", access.ended(caller));
      await next();
    },
  };
}
