import type { Context, Hono } from "hono";
import type { APICallName } from "../../model/api/calls.ts";
import { type Route, routes } from "../../model/api/routes.ts";
import type { Page } from "../../model/kept.ts";
import type { Entry } from "../../model/entry.ts";
import type { Logger } from "../ports.ts";
import type { AppEnv } from "./environment.ts";
import { follow, type FollowedCall, type FollowSource } from "./follow.ts";
import { invalid, paramsOf } from "./request.ts";
import { type StreamForm, streamResponse, streamTypes } from "./stream.ts";

interface Source extends FollowSource {
  readonly logger: Logger;
}

/** Puts every call of the table where REST has it. */
export function addCalls(app: Hono<AppEnv>, source: Source): void {
  for (const [name, route] of Object.entries(routes) as [APICallName, Route][])
    app.on(route.method, route.path, async (context) => {
      context.set("route", name);
      return route.follows ? await answerFollowed(context, source, name as FollowedCall) : await answer(context, source, name);
    });
}

async function answer(context: Context<AppEnv>, { operations }: Source, name: APICallName): Promise<Response> {
  const { searchParams } = new URL(context.req.url);
  const params = await paramsOf(name, context.req.raw, context.req.param(), searchParams);
  const by = { caller: context.get("caller"), door: "api", signal: context.req.raw.signal } as const;
  return json(await operations.callUnknown(name, params, by));
}

async function answerFollowed(context: Context<AppEnv>, source: Source, name: FollowedCall): Promise<Response> {
  const { searchParams } = new URL(context.req.url);
  const form = formOf(context.req.header("accept") ?? "");
  const follows = followOf(searchParams, form);
  searchParams.delete("follow");
  const params = { ...(await paramsOf(name, context.req.raw, context.req.param(), searchParams)) };
  const caller = context.get("caller");
  if (!follows) {
    const by = { caller, door: "api", signal: context.req.raw.signal } as const;
    const page = (await source.operations.callUnknown(name, params, by)) as Page<Entry>;
    return form === null ? json(page) : lines(page);
  }
  const lastID = context.req.header("last-event-id");
  if (lastID !== undefined && form === "sse") {
    if (!/^\d{1,15}$/.test(lastID))
      throw invalid(`the header Last-Event-ID is ${JSON.stringify(lastID)}, not a position`, "last-event-id");
    params["after"] = Number(lastID);
  }
  const hangUp = new AbortController();
  const ended = context.get("ended");
  const signal = AbortSignal.any([hangUp.signal, context.req.raw.signal, ...(ended ? [ended] : [])]);
  const parts = await follow(source, name, params, caller, signal);
  return streamResponse(parts, form ?? "ndjson", hangUp, source.logger);
}

/** Null for one JSON object. */
function formOf(accept: string): StreamForm | null {
  if (accept.includes(streamTypes.sse)) return "sse";
  return accept.includes(streamTypes.ndjson) ? "ndjson" : null;
}

function followOf(query: URLSearchParams, form: StreamForm | null): boolean {
  const [text, ...others] = query.getAll("follow");
  if (others.length > 0 || (text !== undefined && text !== "true" && text !== "false"))
    throw invalid("follow must be true or false", "follow");
  // Events are always followed: a browser's EventSource comes back when they end.
  return form === "sse" || text === "true";
}

function lines({ items }: Page<unknown>): Response {
  const text = items.map((item) => `${JSON.stringify(item)}\n`).join("");
  return new Response(text, { headers: { "content-type": streamTypes.ndjson, "cache-control": "no-store" } });
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
