import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { NovaError, quote } from "../../model/errors.ts";
import type { DoorSettings } from "../settings.ts";

/** Why a request is not let in, with its HTTP status. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 503;
  readonly error: NovaError;
}

/** Whether a request may come in: by its Host (a page may make a browser believe that any name is this address), its Origin and its token. Null: it may. */
export function createAdmission(
  settings: Pick<DoorSettings, "token" | "hosts" | "origins">,
): (request: IncomingMessage) => Refusal | null {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "latin1").digest();
  const token = digest(settings.token);
  const refuse = (status: Refusal["status"], message: string): Refusal => ({
    status,
    error: new NovaError("DOOR_REFUSED", message),
  });
  return ({ headersDistinct: headers }) => {
    const hosts = headers["host"] ?? [];
    if (hosts.length !== 1) return refuse(400, "the request must name one Host");
    const name = hostName(hosts[0] ?? "");
    if (name === null || !(name === "localhost" || isIP(name) !== 0 || settings.hosts.includes(name)))
      return refuse(403, `the request's Host is ${quote(hosts[0])}, which NOVABOT_WORKER_HOSTS does not list`);
    const origins = headers["origin"] ?? [];
    if (origins.length > 1 || !origins.every((origin) => settings.origins.includes(origin.toLowerCase())))
      return refuse(403, `the request's Origin is ${quote(origins.join(", "))}, which NOVABOT_WORKER_ORIGINS does not list`);
    const authorizations = headers["authorization"] ?? [];
    const given = authorizations.length === 1 ? /^bearer +(\S+)$/i.exec(authorizations[0] ?? "")?.[1] : undefined;
    if (given === undefined) return refuse(401, "the request has no token");
    // Digests are of one length, and comparing them takes one time.
    return timingSafeEqual(digest(given), token) ? null : refuse(401, "the request's token is not the worker's");
  };
}

/** The name in a Host, without port and brackets, in small letters; null where it is none. */
function hostName(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}
