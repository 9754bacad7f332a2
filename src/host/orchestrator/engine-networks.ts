import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/** As Docker and Podman name the bridges that their containers are on. */
const ENGINES = /^(?:docker\d+|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni-podman\d+)$/;

/** Whether whoever has this address is a container of this machine: those have no business at the doors. */
export function isContainer(address: string, interfaces: typeof networkInterfaces = networkInterfaces): boolean {
  const bare = address.replace(/%.*$/, "");
  if (!ipaddr.isValid(bare)) return false;
  const peer = ipaddr.process(bare);
  return Object.entries(interfaces()).some(
    ([name, addresses]) =>
      ENGINES.test(name) &&
      (addresses ?? []).some(({ cidr, address: own }) => {
        if (cidr === null || ipaddr.process(own).toString() === peer.toString()) return false;
        const [network, bits] = ipaddr.parseCIDR(cidr);
        return network.kind() === peer.kind() && peer.match([network, bits]);
      }),
  );
}
