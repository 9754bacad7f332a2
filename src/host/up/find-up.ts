import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import { NovaError, quote, reasonOf } from "../../model/errors.ts";
import { readAddress } from "./address.ts";
import { isUp } from "./lock.ts";

/** How a command of this machine reaches the home's orchestrator. */
export interface FoundUp {
  readonly url: string;
  /** Of the token `local`, whose role is admin. */
  readonly token: string;
  /** PEM; null without TLS. */
  readonly certificate: string | null;
}

/** Where the token of this machine's own commands is. */
export function localTokenFile(home: Home): string {
  return join(home.host, "access", "local-token");
}

/** The home's `novabot up`. Rejects with ORCHESTRATOR_NOT_RUNNING, also while it is still starting. */
export async function findUp(home: Home): Promise<FoundUp> {
  const address = isUp(home) ? await readAddress(home) : undefined;
  if (!address)
    throw new NovaError("ORCHESTRATOR_NOT_RUNNING", `No \`novabot up\` answers for the home ${quote(home.root, 400)}.`, {
      place: home.root,
    });
  const token = await read(localTokenFile(home));
  const certificate = address.certificate === null ? null : await read(address.certificate);
  return { url: address.url, token: token.trim(), certificate };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new NovaError("ACCESS_DENIED", `${quote(path, 400)} cannot be read: ${reasonOf(error)}.`, {
      place: path,
      next: "Call as the user who started `novabot up`, or give NOVABOT_URL and NOVABOT_TOKEN.",
      cause: error,
    });
  }
}
