import type { Problem } from "../../model/api/problem.ts";
import { type ErrorCode, errorCodes, NovaError } from "../../model/errors.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** The HTTP status of each code that a door may answer with; any other is a failure of the house itself. */
const statuses: Partial<Record<ErrorCode, number>> = {
  REQUEST_INVALID: 400,
  CALL_INVALID: 400,
  INSTANCE_INVALID: 400,
  MESSAGE_INVALID: 400,
  JID_INVALID: 400,
  TASK_INVALID: 400,
  ACCESS_DENIED: 401,
  ACCESS_FORBIDDEN: 403,
  NOT_FOUND: 404,
  INSTANCE_NOT_FOUND: 404,
  WORKER_NOT_FOUND: 404,
  GROUP_NOT_FOUND: 404,
  RUN_NOT_FOUND: 404,
  TASK_NOT_FOUND: 404,
  TERMINAL_NOT_FOUND: 404,
  AMBIGUOUS: 409,
  INSTANCE_RUNNING: 409,
  INSTANCE_FAILED: 409,
  REQUEST_TOO_LARGE: 413,
  ACCESS_LIMITED: 429,
  NOT_SUPPORTED: 501,
  LINK_LOST: 502,
  LINK_PROTOCOL: 502,
  TERMINAL_FAILED: 502,
  DOOR_REFUSED: 502,
  SUPERVISOR_FAILED: 502,
  WORKER_UNREACHABLE: 503,
  SUPERVISOR_NOT_RUNNING: 503,
  SERVE_NOT_RUNNING: 503,
  ENGINE_NOT_FOUND: 503,
  ENGINE_LOST: 503,
  STORE_LOCKED: 503,
  WAIT_TIMEOUT: 504,
  STORE_FULL: 507,
};

/** What a door answers instead of what was asked. What is no NovaError is not told: its message was written for the log. */
export function problemOf(error: unknown, status?: number): Problem {
  const told =
    error instanceof NovaError
      ? error
      : new NovaError("INTERNAL", "the request failed in a way that was not foreseen; the log says how");
  const { code, message, next, place, facts } = told;
  const candidates = facts["candidates"] as Problem["candidates"];
  return {
    type: `urn:novabot:error:${code}`,
    title: errorCodes[code].title,
    status: status ?? statuses[code] ?? 500,
    detail: message,
    code,
    next,
    ...(place === undefined ? {} : { place }),
    ...(candidates === undefined ? {} : { candidates }),
  };
}

export function problemResponse(error: unknown, status?: number): Response {
  const problem = problemOf(error, status);
  const headers = new Headers({ "content-type": PROBLEM_TYPE, "cache-control": "no-store" });
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="novabot"');
  if (error instanceof NovaError) {
    const { retryAfterS, allow } = error.facts;
    if (typeof retryAfterS === "number") headers.set("retry-after", String(Math.ceil(retryAfterS)));
    if (typeof allow === "string") headers.set("allow", allow);
  }
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}
