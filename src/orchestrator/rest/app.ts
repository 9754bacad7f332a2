import { type Context, Hono } from "hono";
import { mayAct } from "../../model/api/access.ts";
import { routes } from "../../model/api/routes.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import { expositionOf, METRICS_TYPE } from "../metrics/exposition.ts";
import { houseMetrics } from "../metrics/house-metrics.ts";
import { RequestCounts } from "../metrics/request-counts.ts";
import { openAPIDocument } from "../openapi/document.ts";
import { otherDoors } from "../openapi/other-doors.ts";
import type { Logger, Recordings } from "../ports.ts";
import { addCalls, json } from "./calls.ts";
import type { AppAccess, AppEnv } from "./environment.ts";
import type { FollowSource } from "./follow.ts";
import { healthOf } from "./health.ts";
import { problemResponse } from "./problem.ts";
import { invalid } from "./request.ts";

export interface AppParts extends FollowSource {
  readonly access: AppAccess;
  /** Null where nothing is recorded. */
  readonly recordings: Recordings | null;
  readonly logger: Logger;
  readonly version: string;
  readonly now?: () => number;
}

/** The doors over HTTP, for whatever serves `fetch`. WebSockets do not come this way. */
export function createApp(parts: AppParts): Hono<AppEnv> {
  const { operations, access, logger, now = Date.now } = parts;
  const counts = new RequestCounts();
  const app = new Hono<AppEnv>();

  app.onError((error, context) => {
    if (!(error instanceof NovaError))
      logger.error({ method: context.req.method, route: context.get("route"), reason: messageOf(error) }, "a request failed");
    return problemResponse(error);
  });
  app.notFound((context) => problemResponse(...nothingAt(context)));
  app.use(async (context, next) => {
    const begunMs = now();
    await next();
    counts.add(context.req.method, context.get("route") ?? "other", context.res.status, (now() - begunMs) / 1000);
  });
  app.use(access.outer);
  app.get("/healthz", (context) => {
    context.set("route", "/healthz");
    return new Response("ok\n", { headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" } });
  });
  app.route("/", access.open);
  app.use(access.guard);

  for (const door of ["terminal", "websocket"] as const)
    app.get(`/health/${door}`, async (context) => {
      context.set("route", `/health/${door}`);
      const health = await healthOf(operations, door, workerOf(context), context.get("caller"), now());
      return json(health, health.status === "healthy" ? 200 : 503);
    });
  app.get("/metrics", async (context) => {
    context.set("route", "/metrics");
    const metrics = [...(await houseMetrics(operations, context.get("caller"))), ...counts.metrics()];
    return new Response(expositionOf(metrics), { headers: { "content-type": METRICS_TYPE, "cache-control": "no-store" } });
  });
  const document = openAPIDocument(parts.version);
  app.get("/api/openapi.json", (context) => {
    context.set("route", "/api/openapi.json");
    return json(document);
  });
  app.get("/api/terminals/:id/recording", async (context) => {
    context.set("route", "terminals.recording");
    return await recording(context, parts);
  });
  addCalls(app, parts);
  return app;
}

async function recording(context: Context<AppEnv>, { store, recordings }: AppParts): Promise<Response> {
  const caller = context.get("caller");
  // What was shown in a terminal may hold more than what a viewer may see.
  if (!mayAct(caller.role, "operator"))
    throw new NovaError(
      "ACCESS_FORBIDDEN",
      `the token ${quote(caller.name)} is a ${caller.role}'s, and recordings need operator`,
    );
  const id = context.req.param("id") ?? "";
  const name = await store.recordingOf(id);
  const body = name === null ? null : ((await recordings?.read(name)) ?? null);
  if (!body) throw new NovaError("NOT_FOUND", `there is no recording of the terminal session ${quote(id)}`, { place: "id" });
  return new Response(body, { headers: { "content-type": "application/x-asciicast", "cache-control": "no-store" } });
}

function workerOf(context: Context<AppEnv>): string | undefined {
  const query = new URL(context.req.url).searchParams;
  const [worker, ...others] = query.getAll("worker");
  const strange = [...query.keys()].find((name) => name !== "worker");
  if (strange !== undefined) throw invalid(`${quote(strange)} cannot be asked here`, strange);
  if (others.length > 0 || worker === "" || (worker?.length ?? 0) > 256)
    throw invalid("worker must be one worker's name", "worker");
  return worker;
}

const places: readonly { readonly method: string; readonly pattern: RegExp }[] = [
  ...Object.values(routes).map(({ method, path }) => ({ method, path })),
  ...Object.keys(otherDoors).map((path) => ({ method: "GET", path: path.replaceAll(/\{(\w+)\}/g, ":$1") })),
].map(({ method, path }) => ({ method, pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`) }));

/** 404, or 405 where the place takes other methods. */
function nothingAt(context: Context<AppEnv>): [NovaError, number] {
  const { method, path } = context.req;
  const allow = places.filter(({ pattern }) => pattern.test(path)).map((place) => place.method);
  if (allow.length === 0) return [new NovaError("NOT_FOUND", `there is nothing at ${quote(path)}`), 404];
  const methods = [...new Set(allow)].join(", ");
  return [
    new NovaError("REQUEST_INVALID", `${quote(path)} takes ${methods}, not ${quote(method)}`, { facts: { allow: methods } }),
    405,
  ];
}
