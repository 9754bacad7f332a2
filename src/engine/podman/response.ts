import { unreadable } from "../engine-api/errors.ts";

/** The exit code in the answer to Podman's own wait: a bare number, -1 when it does not know. */
export function readWaitedCode(body: unknown): number | undefined {
  if (typeof body !== "number" || !Number.isInteger(body) || body < -1 || body > 255)
    throw unreadable("a container's end", "it is no exit code", body);
  return body === -1 ? undefined : body;
}
