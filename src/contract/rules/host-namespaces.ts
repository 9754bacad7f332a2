import { quote } from "../../model/errors.ts";
import type { PaperRule } from "./paper-rule.ts";
import { textOf, under } from "./values.ts";

const namespaces: Readonly<Record<string, string>> = {
  pid: "sees and signals the processes",
  ipc: "reads and writes the shared memory",
  uts: "may rename the host as one of the names",
  network_mode: "has every interface and every local port",
  userns_mode: "has the user ids",
  cgroup: "sees and may change the control groups",
};

export const hostNamespacesRule: PaperRule = {
  id: "host-namespaces",
  scope: "service",
  check({ service, project }, tell) {
    const { node } = service;
    // A network may have any key: what the engine calls it decides.
    for (const { name, at } of service.networks) {
      const network = project.networks.get(name);
      if (network?.engineName !== "host" && network?.driver?.value !== "host") continue;
      tell({
        message: `the network ${quote(name)} is the host's own: the container ${namespaces["network_mode"] ?? ""} of the host`,
        fix: "Join another network.",
        at,
        related: [{ at: network.name?.at ?? network.at, message: "declared here" }],
      });
    }
    for (const [key, effect] of Object.entries(namespaces)) {
      const value = under(node, key);
      const text = textOf(value);
      if (value === undefined || text === undefined) continue;
      if (text === "host" || text.startsWith("ns:")) {
        tell({ message: `${key} ${quote(text)}: the container ${effect} of the host`, fix: `Take ${key} out.`, at: value.at });
      } else if (/^(?:container|service):/.test(text)) {
        // A sidecar on its neighbour's network is what the network's rule judges; a container from outside is not in this file.
        if (key === "network_mode" && text.startsWith("service:")) continue;
        tell({ message: `${key} ${quote(text)}: the container ${effect} of another`, fix: `Take ${key} out.`, at: value.at });
      }
    }
    const build = under(node, "build", "network");
    if (build !== undefined && textOf(build) === "host") {
      tell({
        message: "the build runs on the host's network: it reaches every local port",
        fix: "Take build.network out.",
        at: build.at,
      });
    }
    const entitlements = under(node, "build", "entitlements");
    for (const item of entitlements?.kind === "list" ? entitlements.items : []) {
      if (textOf(item) !== "network.host") continue;
      tell({ message: "the build may take the host's network", fix: "Take the entitlement out.", at: item.at });
    }
  },
};
