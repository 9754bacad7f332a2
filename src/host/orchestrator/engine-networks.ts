import { existsSync, readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import ipaddr from "ipaddr.js";

export interface NetworkView {
  readonly interfaces: typeof networkInterfaces;
  /** Linux's `/sys/class/net`. */
  readonly sysfs: string;
}

const thisMachine: NetworkView = { interfaces: networkInterfaces, sysfs: "/sys/class/net" };

/**
 * Whether whoever has this address is a container of this machine: those have no business at the doors. Engines put containers on a bridge that nothing
 * else is on; one with a network card, or with a virtual machine, is a network like others.
 */
export function isContainer(address: string, { interfaces, sysfs }: NetworkView = thisMachine): boolean {
  const bare = address.replace(/%.*$/, "");
  if (!ipaddr.isValid(bare)) return false;
  const peer = ipaddr.process(bare);
  return Object.entries(interfaces()).some(([name, addresses]) => {
    const isNear = (addresses ?? []).some(({ cidr, address: own }) => {
      if (cidr === null || ipaddr.process(own).toString() === peer.toString()) return false;
      const [network, bits] = ipaddr.parseCIDR(cidr);
      return network.kind() === peer.kind() && peer.match([network, bits]);
    });
    return isNear && holdsContainersAlone(join(sysfs, name), sysfs);
  });
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
