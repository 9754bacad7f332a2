import { readFile } from "node:fs/promises";
import type { Server } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { createSecureContext } from "node:tls";
import ipaddr from "ipaddr.js";
import { messageOf, NovaError, quote } from "../../model/errors.ts";

/** Where the doors are, as novabot.yaml says. */
export interface Listening {
  /** The host is an address, or a name of this machine, IPv6 without brackets; port 0 is any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Doors without TLS beyond this machine, as the owner said in words. */
  readonly insecure: boolean;
}

/** Throws LISTEN_REFUSED where tokens would cross a network in clear without anybody having said so. */
export function refuseBareDoors({ listen: { host }, tls, insecure }: Listening): void {
  if (isLoopback(host) || tls || insecure) return;
  throw new NovaError("LISTEN_REFUSED", `The doors would be open at ${quote(host)} without TLS.`, {
    place: "listen",
    next: "Give `tls: {cert, key}` in novabot.yaml, listen on 127.0.0.1, or say `insecure: true` if the network is yours alone.",
  });
}

/** As this machine reaches it. */
export function urlOf({ listen: { host }, tls }: Pick<Listening, "listen" | "tls">, port: number): string {
  const isWildcard = ipaddr.isValid(host) && ipaddr.process(host).range() === "unspecified";
  const own = isWildcard ? (host.includes(":") ? "::1" : "127.0.0.1") : host;
  return `${tls ? "https" : "http"}://${own.includes(":") ? `[${own}]` : own}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || (ipaddr.isValid(host) && ipaddr.process(host).range() === "loopback");
}

/** What a server shows; null without TLS. Rejects with LISTEN_REFUSED where the files cannot be used. */
export async function readTLS(tls: Listening["tls"]): Promise<SecureContextOptions | null> {
  if (!tls) return null;
  try {
    const [cert, key] = await Promise.all([readFile(tls.cert), readFile(tls.key)]);
    const options: SecureContextOptions = { cert, key, minVersion: "TLSv1.2" };
    createSecureContext(options);
    return options;
  } catch (cause) {
    throw new NovaError("LISTEN_REFUSED", `The TLS files cannot be used: ${messageOf(cause)}.`, {
      place: "tls",
      next: "Give PEM files of a certificate and of its private key, which the user who runs NovaBot can read.",
      cause,
    });
  }
}

/** Resolves when the server listens. Rejects with LISTEN_REFUSED. */
export async function listenAt(server: Server, { listen: { host, port } }: Pick<Listening, "listen">): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    throw new NovaError("LISTEN_REFUSED", `The doors cannot be opened at ${host}:${port} (${messageOf(cause)}).`, {
      place: "listen",
      next: "Choose another `listen` in novabot.yaml, or end what listens there.",
      cause,
    });
  }
}
