import { count, nameOf } from "./identity.ts";
import type { NamespaceKind } from "./kernel-facts.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** Namespaces that no container shares with the host. Engines share the user namespace, and on older kernels the cgroups', by themselves. */
const separate: Readonly<Partial<Record<NamespaceKind, string>>> = {
  pid: "sees and can signal the host's processes",
  net: "is in the host's network, past every published port",
  ipc: "shares memory with the host's processes",
  uts: "can change the host's name",
  mnt: "sees the host's own file systems",
};

/** Whether processes are in namespaces of the host's, or of another container's. */
export function judgeNamespaces({ kernel, container, service }: LiveSubject, verdicts: Verdicts): void {
  const at = service?.at;
  for (const [kind, mode] of Object.entries(container.namespaces)) {
    // Sharing a network with another container is a declared form of being in its network.
    if (!/^(container|ns):/.test(mode)) continue;
    verdicts.broken("host-namespaces", {
      message: `The container has no ${kind} namespace of its own: it is in that of ${mode.replace(/^(container|ns):/, "").slice(0, 12)}.`,
      fix: `Remove what shares it (\`${kind === "network" ? "network_mode" : kind}\`), then make the container anew.`,
      at,
    });
  }
  if (!kernel.known) {
    verdicts.unknown("host-namespaces", kernel.reason);
    return;
  }
  const { processes, hostNamespaces } = kernel.value;
  for (const process of processes) {
    if (!process.namespaces.known) {
      verdicts.unknown("host-namespaces", process.namespaces.reason);
      continue;
    }
    for (const [kind, harm] of Object.entries(separate) as [NamespaceKind, string][]) {
      const own = process.namespaces.value[kind];
      if (!hostNamespaces[kind]?.includes(own)) continue;
      verdicts.broken("host-namespaces", {
        message: `${nameOf(process)} is in the host's ${kind} namespace: it ${harm}.`,
        fix: `Remove what shares it (\`${kind === "net" ? "network_mode: host" : `${kind}: host`}\`), then make the container anew.`,
        at,
      });
    }
  }
  verdicts.kept("host-namespaces", count(processes.length, "process", "processes"));
}
