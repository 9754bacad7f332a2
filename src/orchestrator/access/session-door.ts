import { Hono } from "hono";
import * as z from "zod";
import { NovaError } from "../../model/errors.ts";
import type { AppEnv } from "../rest/environment.ts";
import type { Access } from "./access.ts";

const loginSchema = z.strictObject({ token: z.string().min(1).max(512) });

/** `POST /api/session` takes a token and gives a cookie; `DELETE /api/session` takes it back. */
export function sessionDoor(access: Access): Hono<AppEnv> {
  const door = new Hono<AppEnv>();
  door.post("/api/session", async (context) => {
    const body = loginSchema.safeParse(await context.req.json().catch(() => null));
    if (!body.success)
      throw new NovaError("REQUEST_INVALID", "The body is not a JSON object with a token.", {
        place: "token",
        next: 'Send `{"token":"…"}` as application/json.',
      });
    const asking = { request: context.req.raw, peerAddress: context.env.peerAddress };
    const { caller, cookie } = await access.login(asking, body.data.token);
    context.header("set-cookie", cookie);
    return context.json(caller);
  });
  door.delete("/api/session", async (context) => {
    context.header("set-cookie", await access.logout(context.req.raw));
    return context.body(null, 204);
  });
  return door;
}
