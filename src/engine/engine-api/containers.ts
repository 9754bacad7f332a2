import { setTimeout as sleep } from "node:timers/promises";
import { NovaError, quote } from "../../model/errors.ts";
import type { ContainerSummary } from "../engine.ts";
import { readContainer, readContainers, readID } from "./answers.ts";
import type { InspectedContainer } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { containerNotFound, isGone, refused, statusOf, wordsOf } from "./errors.ts";
import { containerPath } from "./paths.ts";

/** For a removal that the engine has begun itself. */
const REMOVAL_MS = 30_000;

/** Over `graceMs`, for the engine's own work around a stop. */
const STOP_MARGIN_MS = 30_000;

/** Sends a create request and gives the new container's id. */
export async function createContainer(connection: Connection, name: string, image: string, body: object): Promise<string> {
  const what = `create the container ${quote(name)}`;
  try {
    const answer = await connection.call({ method: "POST", path: "/containers/create", query: { name }, body, what });
    return readID(answer.body, what);
  } catch (error) {
    const status = statusOf(error);
    const message = wordsOf(error);
    if (status === 404 || /no such image|image not known/i.test(message)) {
      throw new NovaError("IMAGE_NOT_FOUND", `The image ${quote(image)} is not there.`, {
        facts: { image },
        cause: error,
      });
    }
    if (status === 409 || /name .*(is|already) in use/i.test(message)) {
      throw new NovaError("CONTAINER_CONFLICT", `A container named ${quote(name)} exists already.`, {
        facts: { name },
        cause: error,
      });
    }
    throw error;
  }
}

export async function startContainer(connection: Connection, id: string): Promise<void> {
  try {
    await connection.call({ method: "POST", path: `${containerPath(id)}/start`, what: "start the container" });
  } catch (error) {
    throw asNotFound(error, id, /no such container|no container with/i);
  }
}

export async function stopContainer(connection: Connection, id: string, graceMs: number): Promise<void> {
  // The API counts whole seconds; 0 is SIGKILL at once, so that a short grace is rounded up.
  const seconds = Math.ceil(graceMs / 1000);
  await unlessGone(
    connection.call({
      method: "POST",
      path: `${containerPath(id)}/stop`,
      query: { t: String(seconds) },
      timeoutMs: seconds * 1000 + STOP_MARGIN_MS,
      what: "stop the container",
    }),
  );
}

export async function killContainer(connection: Connection, id: string, signal: string): Promise<void> {
  await unlessGone(
    connection.call({ method: "POST", path: `${containerPath(id)}/kill`, query: { signal }, what: "kill the container" }),
  );
}

export async function removeContainer(connection: Connection, id: string): Promise<void> {
  const query = { force: "true", v: "true" };
  const end = performance.now() + REMOVAL_MS;
  for (;;) {
    try {
      await connection.call({ method: "DELETE", path: containerPath(id), query, what: "remove the container" });
      return;
    } catch (error) {
      if (isGone(error)) return;
      // The container exits at this moment: the engine is at it already, or could not kill what had ended. It can be asked again.
      const isEnding = /already in progress|is not running|can only kill running containers|container state improper/i;
      if (!isEnding.test(wordsOf(error)) || performance.now() > end) throw error;
      await sleep(50);
    }
  }
}

/** Undefined when it is gone. */
export async function inspectContainer(connection: Connection, id: string): Promise<InspectedContainer | undefined> {
  try {
    const answer = await connection.call({ method: "GET", path: `${containerPath(id)}/json`, what: "inspect the container" });
    return readContainer(answer.body);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export async function listContainers(
  connection: Connection,
  labels: Readonly<Record<string, string>>,
): Promise<ContainerSummary[]> {
  const filters = JSON.stringify({ label: labelFilter(labels) });
  const answer = await connection.call({
    method: "GET",
    path: "/containers/json",
    query: { all: "true", filters },
    what: "list containers",
  });
  // Clean-up removes what this returns: an engine that overlooked a filter must not make it touch a stranger.
  return readContainers(answer.body).filter((found) => carries(found.labels, labels));
}

export function labelFilter(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

export function carries(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** 404 is gone, 304 not running, 409 not running or going. */
async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    const status = statusOf(error);
    const message = wordsOf(error);
    if (isGone(error) || /is not running|not running/i.test(message)) return;
    // Podman says 409 or 500 of a container that is in the wrong state to be killed or stopped, in words like these.
    if ((status === 409 || status === 500) && /can only kill running containers|container state improper/i.test(message)) return;
    throw error;
  }
}

function asNotFound(error: unknown, id: string, words: RegExp): unknown {
  if (statusOf(error) !== 404) return error;
  const message = wordsOf(error);
  // A start is answered 404 too when the image has no such program.
  return words.test(message) ? containerNotFound(id) : refused(400, { message }, "start the container");
}
