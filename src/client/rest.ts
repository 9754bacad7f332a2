import type { APIAnswer, APICallName, APIParams } from "../model/api/calls.ts";
import { requestOf } from "../model/api/routes.ts";
import { messageOf, NovaError } from "../model/errors.ts";
import { readAnswer } from "./answer.ts";
import { errorInAnswer } from "./problem.ts";

export interface Door {
  /** Without a path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly signal?: AbortSignal;
}

/** Makes one call over REST. Rejects with the door's own error, ORCHESTRATOR_NOT_RUNNING where none answers, or LINK_PROTOCOL. */
export async function askDoor<Name extends APICallName>(
  door: Door,
  name: Name,
  params: APIParams<Name>,
): Promise<APIAnswer<Name>> {
  const { method, path, query, body } = requestOf(name, params);
  const url = new URL(path, door.url);
  for (const [key, value] of query) url.searchParams.append(key, value);
  const response = await reach(door, url, {
    method,
    headers: { ...door.headers, accept: "application/json", ...(body === null ? {} : { "content-type": "application/json" }) },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    redirect: "error",
    ...(door.signal ? { signal: door.signal } : {}),
  });
  const text = await response.text().catch((cause: unknown) => {
    throw door.signal?.aborted ? cause : notReached(door, cause);
  });
  if (!response.ok) throw errorInAnswer(response.status, text, `${method} ${door.url}${path}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NovaError("LINK_PROTOCOL", `The answer to ${name} is no JSON.`, { cause });
  }
  return readAnswer(name, value);
}

async function reach(door: Door, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await door.fetch(url, init);
  } catch (cause) {
    throw door.signal?.aborted ? cause : notReached(door, cause);
  }
}

function notReached({ url }: Door, cause: unknown): NovaError {
  // `fetch` says only that it failed; why stands in the cause.
  const why = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const isCertificate = why instanceof Error && "code" in why && /CERT|SIGNATURE/.test(String(why.code));
  return new NovaError("ORCHESTRATOR_NOT_RUNNING", `No orchestrator answers at ${url}: ${messageOf(why)}.`, {
    cause,
    ...(isCertificate
      ? { next: "If it is the right one, save its certificate to a file and name that in the variable NODE_EXTRA_CA_CERTS." }
      : {}),
  });
}
