import type { Role } from "./access.ts";
import type { APICallName, APIParams } from "./calls.ts";

// Where REST has each call, and who may make it through any door. The OpenAPI document, the REST door and the client are made from this table;
// the schemas beside it are in `params.ts` and `answers.ts`.

export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `:name` is the parameter `name`. */
  readonly path: string;
  /** Parameters in the query, of a call with a body; without a body all that are not in the path. Lists are repeated: `?levels=warn&levels=error`. */
  readonly query?: readonly string[];
  /** Has a body: a JSON object of the parameters that are neither in the path nor in `query`. It may be left out where nothing in it is needed. */
  readonly body?: true;
  /** Whoever has this role or more. */
  readonly role: Role;
  /** Gets an audit row, also when it fails. */
  readonly changes: boolean;
  /** Also answers item by item (`Accept: application/x-ndjson`), and goes on as things come (`?follow=true`, or `Accept: text/event-stream`). */
  readonly follows?: true;
  readonly tag: "processes" | "errors" | "logs" | "workers" | "terminals" | "agents" | "modules" | "house" | "access";
  readonly summary: string;
}

const instance = "/api/monitoring/process/:instanceId";
const read = { method: "GET", role: "viewer", changes: false } as const;
const which = ["worker", "container"] as const;

export const routes: {
  readonly [Name in APICallName]: Route & { readonly query?: readonly (keyof APIParams<Name> & string)[] };
} = {
  "process.list": {
    ...read,
    path: "/api/monitoring/processes",
    tag: "processes",
    summary: "All supervised processes, as their workers told of them last",
  },
  "process.status": { ...read, path: `${instance}/status`, tag: "processes", summary: "One process" },
  "process.start": {
    method: "POST",
    path: `${instance}/start`,
    query: which,
    body: true,
    role: "operator",
    changes: true,
    tag: "processes",
    summary: "Starts a new process (with `spec`), or one that the worker knows",
  },
  "process.stop": {
    method: "POST",
    path: `${instance}/stop`,
    query: which,
    body: true,
    role: "operator",
    changes: true,
    tag: "processes",
    summary: "Stops a process",
  },
  "process.restart": {
    method: "POST",
    path: `${instance}/restart`,
    query: which,
    body: true,
    role: "operator",
    changes: true,
    tag: "processes",
    summary: "Stops a process where it runs, and starts it",
  },
  "errors.list": {
    ...read,
    path: "/api/monitoring/errors",
    tag: "errors",
    summary: "Errors of all processes, grouped by fingerprint, the last seen first",
  },
  "errors.get": {
    ...read,
    path: "/api/monitoring/errors/:instanceId",
    tag: "errors",
    summary: "Errors of one process, grouped by fingerprint, the last seen first",
  },
  "errors.occurrences": {
    ...read,
    path: "/api/monitoring/errors/:instanceId/:fingerprint",
    tag: "errors",
    summary: "When an error of a process was seen, with its lines",
  },
  "logs.list": { ...read, path: "/api/monitoring/logs", follows: true, tag: "logs", summary: "Lines of all processes" },
  "logs.get": { ...read, path: "/api/monitoring/logs/:instanceId", follows: true, tag: "logs", summary: "Lines of one process" },
  "entries.list": {
    ...read,
    path: "/api/monitoring/entries",
    follows: true,
    tag: "logs",
    summary: "Lines, errors and events of the whole house in the one order in which they were taken in",
  },
  "workers.list": { ...read, path: "/api/workers", tag: "workers", summary: "All workers" },
  "workers.get": { ...read, path: "/api/workers/:workerName", tag: "workers", summary: "One worker with its processes" },
  "workers.health": {
    method: "POST",
    path: "/api/workers/:workerName/health",
    role: "viewer",
    changes: false,
    tag: "workers",
    summary: "Asks both health doors of a worker now",
  },
  "terminals.list": { ...read, path: "/api/terminals", tag: "terminals", summary: "Who looked at which terminal, and when" },
  "terminals.ticket": {
    method: "POST",
    path: "/api/workers/:workerName/terminal/ticket",
    body: true,
    role: "operator",
    changes: true,
    tag: "terminals",
    summary: "A ticket that opens one connection to the worker's terminal",
  },
  "groups.list": { ...read, path: "/api/groups", tag: "agents", summary: "All chat groups with agents" },
  "groups.get": { ...read, path: "/api/groups/:folder", tag: "agents", summary: "One group" },
  "runs.list": { ...read, path: "/api/runs", tag: "agents", summary: "Runs of agents" },
  "runs.get": { ...read, path: "/api/runs/:runId", tag: "agents", summary: "One run, by its id or what it begins with" },
  "runs.cancel": {
    method: "POST",
    path: "/api/runs/:runId/cancel",
    role: "operator",
    changes: true,
    tag: "agents",
    summary: "Ends a run that is going on",
  },
  "messages.list": { ...read, path: "/api/messages", tag: "agents", summary: "Messages of chats, both ways" },
  "messages.send": {
    method: "POST",
    path: "/api/messages",
    body: true,
    role: "operator",
    changes: true,
    tag: "agents",
    summary: "Gives a message to a local chat's group",
  },
  "tasks.list": { ...read, path: "/api/tasks", tag: "agents", summary: "Scheduled tasks" },
  "tasks.get": { ...read, path: "/api/tasks/:taskId", tag: "agents", summary: "One scheduled task" },
  "tasks.change": {
    method: "POST",
    path: "/api/tasks/:taskId/:to",
    role: "operator",
    changes: true,
    tag: "agents",
    summary: "Pauses, resumes or cancels a task",
  },
  "modules.list": { ...read, path: "/api/modules", tag: "modules", summary: "Modules and how they are" },
  "contract.get": { ...read, path: "/api/contract", tag: "modules", summary: "The last live check of the contract" },
  "contract.check": {
    method: "POST",
    path: "/api/contract/check",
    role: "operator",
    changes: true,
    tag: "modules",
    summary: "Checks the contract against what runs now",
  },
  "audit.list": {
    ...read,
    path: "/api/audit",
    role: "operator",
    tag: "house",
    summary: "Who changed what, and who opened terminals",
  },
  "house.status": { ...read, path: "/api/status", tag: "house", summary: "The installation at a glance" },
  "access.me": { ...read, path: "/api/access/me", tag: "access", summary: "Who asks" },
  "tokens.list": { ...read, path: "/api/tokens", role: "admin", tag: "access", summary: "All tokens, without themselves" },
  "tokens.add": {
    method: "POST",
    path: "/api/tokens",
    body: true,
    role: "admin",
    changes: true,
    tag: "access",
    summary: "Makes a token; this answer alone tells it",
  },
  "tokens.remove": {
    method: "DELETE",
    path: "/api/tokens/:name",
    role: "admin",
    changes: true,
    tag: "access",
    summary: "Ends a token and its sessions",
  },
};

/** A call as REST has it, for clients. */
export interface RoutedRequest {
  readonly method: Route["method"];
  /** With the path's parameters in it, escaped. */
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Null: no body. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

export function requestOf<Name extends APICallName>(name: Name, params: Partial<APIParams<Name>>): RoutedRequest {
  const route: Route = routes[name];
  const left = new Map(Object.entries(params).filter(([, value]) => value !== undefined));
  const path = route.path.replaceAll(/:(\w+)/g, (_, parameter: string) => {
    const value = String(left.get(parameter));
    left.delete(parameter);
    return encodeURIComponent(value);
  });
  const inQuery = (parameter: string): boolean => route.body !== true || (route.query ?? []).includes(parameter);
  const query = [...left]
    .filter(([parameter]) => inQuery(parameter))
    .flatMap(([parameter, value]) => (Array.isArray(value) ? value : [value]).map((one) => [parameter, String(one)] as const));
  const body = route.body === true ? Object.fromEntries([...left].filter(([parameter]) => !inQuery(parameter))) : null;
  return { method: route.method, path, query, body };
}

/** The names of the parameters in a route's path. */
export function pathParameters(route: Pick<Route, "path">): readonly string[] {
  return [...route.path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
}
