import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/**
 * What a private rule may lead to: addresses that a network gives out for itself, those among them that some resolvers and
 * proxies make up for every name (198.18.0.0/15). The metadata services of clouds are link-local and stay out of reach whatever a rule says.
 */
const privateRanges = {
  ipv4: new Set<string>(["private", "carrierGradeNat", "loopback", "reserved"]),
  ipv6: new Set<string>(["uniqueLocal", "loopback"]),
} as const;
/** Everything that is handed out as public address space of version 6; what lies beyond is no range's and nobody's. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** This machine's own addresses, in canonical spelling. */
export function ownAddresses(): ReadonlySet<string> {
  const own = new Set<string>();
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address } of addresses ?? []) own.add(canonical(address.replace(/%.*$/, "")));
  }
  return own;
}

/**
 * Why an address must not be connected to, or undefined when it may: only public addresses may, or what is private where a rule
 * says so. Spellings that carry another address inside (mapped, NAT64, 6to4, Teredo) are never let through.
 */
export function addressTrouble(
  address: string,
  options: { readonly private: boolean; readonly own: ReadonlySet<string> },
): string | undefined {
  if (!ipaddr.isValid(address) || address.includes("%")) return "is no address";
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (options.private && privateRanges[parsed.kind()].has(range)) return undefined;
  const isPublic = range === "unicast" && (parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast));
  if (!isPublic) return `is not public (${range === "unicast" ? "not handed out" : range})`;
  if (!options.private && options.own.has(canonical(address))) return "is this machine's own";
  return undefined;
}

function canonical(address: string): string {
  return ipaddr.parse(address).toString();
}
