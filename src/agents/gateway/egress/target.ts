import ipaddr from "ipaddr.js";

/** Where something wants to go. */
export interface Target {
  /** A name in lower case without a trailing dot, or an address in its one canonical spelling, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isAddress: boolean;
}

/**
 * A host in the one spelling that rules are compared in: `0x7f.1`, `2130706433`, `[::FFFF:1.2.3.4]` and `EXAMPLE.com.` all mean
 * something that a rule would name otherwise. Undefined when it is no host. The URL standard knows every such spelling.
 */
export function canonicalHost(text: string): Omit<Target, "port"> | undefined {
  // What would be cut off as user, path or port, or read as an escape, is no host here.
  if (text === "" || text.length > 255 || /[^A-Za-z0-9._:[\]\u0080-\uffff-]/.test(text)) return undefined;
  const bare = text.startsWith("[") || !text.includes(":") ? text : `[${text}]`;
  let name: string;
  try {
    const url = new URL(`http://${bare}/`);
    if (url.port !== "" || url.username !== "" || url.pathname !== "/") return undefined;
    name = url.hostname;
  } catch {
    return undefined;
  }
  if (name.startsWith("[")) return { host: ipaddr.IPv6.parse(name.slice(1, -1)).toString(), isAddress: true };
  if (ipaddr.IPv4.isValidFourPartDecimal(name)) return { host: name, isAddress: true };
  const host = name.replace(/\.$/, "");
  const isName =
    host.length <= 253 &&
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(host) &&
    !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host);
  return isName ? { host, isAddress: false } : undefined;
}

/** `name:port`, `1.2.3.4:port`, `[v6]:port`; without a port `defaultPort`, or undefined where there is none. */
export function parseTarget(text: string, defaultPort?: number): Target | undefined {
  const match = /^(\[[^\]]*\]|[^:]*|.*:.*:.*)(?::(\d{1,5}))?$/.exec(text);
  // An address of version 6 without brackets has no port.
  const bare = text.includes("[") ? undefined : ipaddr.IPv6.isValid(text) ? text : undefined;
  const host = canonicalHost(bare ?? match?.[1] ?? "");
  const portText = bare === undefined ? match?.[2] : undefined;
  const port = portText === undefined ? defaultPort : Number(portText);
  if (!host || port === undefined || port < 1 || port > 65_535) return undefined;
  return { ...host, port };
}

/** For people: an address of version 6 in brackets. */
export function formatTarget({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
