import { NovaError, hasCode, messageOf, quote } from "../../model/errors.ts";

/** The error of a connection that could not be made, or broke, as NovaBot's own. */
export function brokenConnection(error: unknown, socket: string, what: string): NovaError {
  const facts = { socket, ...(error instanceof Error && "code" in error ? { code: error.code } : {}) };
  if (hasCode(error, "EACCES", "EPERM")) {
    return new NovaError("ENGINE_REFUSED", `This user may not use the engine's socket ${socket}, asked to ${what}.`, {
      place: socket,
      next: "Run as a user who may open the socket (often a member of the group that owns it), or as root.",
      facts,
      cause: error,
    });
  }
  return new NovaError("ENGINE_LOST", `The engine at ${socket} went away when asked to ${what}: ${messageOf(error)}.`, {
    place: socket,
    next: "Start the engine again; NovaBot finds it without a restart of its own.",
    facts,
    cause: error,
  });
}

/** The error of an answer that ended before it was whole. */
export function brokenAnswer(socket: string, what: string, cause?: unknown): NovaError {
  return new NovaError("ENGINE_LOST", `The engine at ${socket} broke off its answer when asked to ${what}.`, {
    place: socket,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The engine's own message in an answer that says no. */
export function messageIn(body: unknown): string {
  if (typeof body === "object" && body !== null && "message" in body && typeof body.message === "string")
    return body.message.trim();
  return typeof body === "string" && body !== "" ? body.trim() : "no reason given";
}

/** An answer with an error status as NovaBot's error. The callers that know better what a 404 means turn it into theirs. */
export function refused(status: number, body: unknown, what: string): NovaError {
  const message = messageIn(body).slice(0, 2000);
  const facts = { status, message };
  // Podman says 500 of a container that goes while it is asked about.
  if ((status === 404 || status === 500) && /no such container|no container with/i.test(message)) {
    return new NovaError("CONTAINER_NOT_FOUND", `The engine could not ${what}: ${message}`, { facts });
  }
  return new NovaError("ENGINE_REFUSED", `The engine refused to ${what} (${status}): ${message}`, { facts });
}

/** Whether the engine said that the thing it was asked about is not there. */
export function isGone(error: unknown): boolean {
  return statusOf(error) === 404 || (error instanceof NovaError && error.code === "CONTAINER_NOT_FOUND");
}

/** The HTTP status that a `refused` error carries. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof NovaError && typeof error.facts["status"] === "number" ? error.facts["status"] : undefined;
}

/** The engine's own words in a `refused` error; empty for any other. */
export function wordsOf(error: unknown): string {
  return error instanceof NovaError && typeof error.facts["message"] === "string" ? error.facts["message"] : "";
}

export function containerNotFound(id: string): NovaError {
  return new NovaError("CONTAINER_NOT_FOUND", `The container ${quote(id)} is gone or never was.`, { facts: { id } });
}

export function unreadable(what: string, problem: string, body?: unknown): NovaError {
  return new NovaError("ENGINE_RESPONSE", `The engine's answer about ${what} cannot be read: ${problem}.`, {
    ...(body === undefined ? {} : { facts: { body: quote(body, 400) } }),
  });
}
