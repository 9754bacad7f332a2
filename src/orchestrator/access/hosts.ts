import ipaddr from "ipaddr.js";
import { NovaError, quote } from "../../model/errors.ts";

/** Under which names the house may be asked. */
export interface HostRule {
  /** Beside this machine's loopback names, without ports; an IPv6 address without brackets. */
  readonly names: readonly string[];
  /** Any address in figures will do: it listens on all of them, and no name server can send a browser to the wrong one. */
  readonly anyAddress: boolean;
}

const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/** Throws ACCESS_FORBIDDEN for a request to another Host, or from another Origin than that Host's. */
export function createHostCheck(rule: HostRule): (request: Request) => void {
  const names = new Set([...LOOPBACK, ...rule.names.map((name) => bareName(name.toLowerCase()))]);
  return (request) => {
    const host = hostOf(request);
    const name = nameIn(host);
    if (name === null || !(names.has(name) || (rule.anyAddress && ipaddr.isValid(name))))
      throw new NovaError("ACCESS_FORBIDDEN", `The request's Host is ${quote(host)}, by which this house is not known.`, {
        place: "Host",
        next: "Use its address, or list the name under `hosts` in novabot.yaml.",
      });
    const origin = request.headers.get("origin");
    if (origin !== null && !isOwnOrigin(request, origin))
      throw new NovaError("ACCESS_FORBIDDEN", `The request's Origin is ${quote(origin)}; only this house's own pages may ask.`, {
        place: "Origin",
        next: "Ask from a program without a browser, or from the page that this house serves.",
      });
  };
}

/** Whether the page that asks came from here. What a proxy before this house took off, TLS, it may still have in its Origin. */
export function isOwnOrigin(request: Request, origin: string | null): boolean {
  const host = hostOf(request).toLowerCase();
  if (origin === `https://${host}`) return true;
  return !isSecure(request) && origin === `http://${host}`;
}

export function isSecure(request: Request): boolean {
  return request.url.startsWith("https:");
}

function hostOf(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

/** Without port and brackets, in small letters; null where it is none. */
function nameIn(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,255}))(?::\d{1,5})?$/i.exec(host);
  const name = match?.[1] ?? match?.[2];
  return name === undefined ? null : bareName(name.toLowerCase());
}

/** Of the many ways to write an address the usual one; of a name without the root's dot. */
function bareName(name: string): string {
  const bare = name.replace(/^\[|\]$/g, "");
  if (ipaddr.IPv6.isValid(bare)) return ipaddr.IPv6.parse(bare).toString();
  return bare.replace(/\.$/, "");
}
