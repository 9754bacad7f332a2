import { existsSync, readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import ipaddr from "ipaddr.js";

export interface NetworkView {
  readonly interfaces: typeof networkInterfaces;
  /** Linux's `/sys/class/net`. */
  readonly sysfs: string;
}

interface Network {
  readonly device: string;
  /** This machine's own address in it. */
  readonly own: string;
  readonly range: ReturnType<typeof ipaddr.parseCIDR>;
}

/** Asking the kernel takes a millisecond and more, which whoever connects again and again shall not cost. */
const FRESH_MS = 1000;
const seen = new WeakMap<NetworkView, { readonly untilMs: number; readonly networks: readonly Network[] }>();

const thisMachine: NetworkView = { interfaces: networkInterfaces, sysfs: "/sys/class/net" };

/**
 * Whether whoever has this address is a container of this machine: those have no business at the doors. Engines put containers on a bridge that nothing
 * else is on; one with a network card, or with a virtual machine, is a network like others.
 */
export function isContainer(address: string, view: NetworkView = thisMachine): boolean {
  const bare = address.replace(/%.*$/, "");
  if (!ipaddr.isValid(bare)) return false;
  const peer = ipaddr.process(bare);
  if (peer.range() === "loopback") return false;
  const near = (networks: readonly Network[]): readonly Network[] =>
    networks.filter(({ range }) => range[0].kind() === peer.kind() && peer.match(range));
  const known = seen.get(view);
  const cached = known && known.untilMs > performance.now() ? near(known.networks) : [];
  // Who is in no network that was there a moment ago may be in one that is new.
  const found = cached.length > 0 ? cached : near(look(view));
  return found.some(({ device, own }) => own !== peer.toString() && holdsContainersAlone(join(view.sysfs, device), view.sysfs));
}

function look(view: NetworkView): readonly Network[] {
  const networks = Object.entries(view.interfaces()).flatMap(([device, addresses]) =>
    (addresses ?? []).flatMap(({ cidr, address }) =>
      cidr === null ? [] : [{ device, own: ipaddr.process(address).toString(), range: ipaddr.parseCIDR(cidr) }],
    ),
  );
  seen.set(view, { untilMs: performance.now() + FRESH_MS, networks });
  return networks;
}

function holdsContainersAlone(device: string, sysfs: string): boolean {
  if (!existsSync(join(device, "bridge"))) return false;
  try {
    const ports = readdirSync(join(device, "brif"));
    return ports.every((port) => !existsSync(join(sysfs, port, "device")) && !existsSync(join(sysfs, port, "tun_flags")));
  } catch {
    // It went this moment, and its containers with it.
    return false;
  }
}
