import { quote } from "../../model/errors.ts";
import { contains, mountedIn } from "./mounted.ts";
import type { PaperRule } from "./paper-rule.ts";

/** What is the host itself. Everything below counts, but for what is told not to. */
const systemPaths: readonly string[] = [
  "/etc",
  "/proc",
  "/sys",
  "/boot",
  "/root",
  "/bin",
  "/sbin",
  "/lib",
  "/lib64",
  "/usr",
  "/opt/containerd",
];
/** Kept in common by every program, and of no use to who reads them. */
const harmless: ReadonlySet<string> = new Set([
  "/etc/localtime",
  "/etc/timezone",
  "/etc/hosts",
  "/etc/hostname",
  "/etc/resolv.conf",
  "/etc/os-release",
  "/etc/machine-id",
]);
const harmlessBelow: readonly string[] = ["/usr/share", "/etc/ssl/certs", "/etc/pki", "/etc/ca-certificates"];
const keys =
  /(?:^|\/)\.(?:ssh|aws|gnupg|kube|azure|config\/gcloud|config\/sops|docker\/config\.json|netrc|git-credentials)(?:\/|$)/;

export const hostPathsRule: PaperRule = {
  id: "host-paths",
  scope: "service",
  check(subject, tell) {
    const { service, project, facts, contract } = subject;
    for (const one of mountedIn(project, service, facts)) {
      if (one.named === undefined || one.source === undefined || one.mount.kind === "npipe") continue;
      const paths = [one.named, one.source];
      const key = paths.find((path) => keys.test(path));
      const system = paths.find((path) => path === "/" || path === "/home" || systemPaths.some((known) => contains(known, path)));
      // A project may lie below /root or /opt: its own directories are its own.
      const roots = [contract?.root ?? project.directory, project.directory].filter((root) => root !== "/");
      const own = paths.every((path) => roots.some((root) => contains(root, path)));
      if (key === undefined && (system === undefined || own)) continue;
      const told = key ?? system ?? one.named;
      if (key === undefined && one.readonly && (harmless.has(told) || harmlessBelow.some((known) => contains(known, told))))
        continue;
      tell({
        message:
          key === undefined
            ? `${quote(told)} of the host is mounted`
            : `${quote(told)} holds keys of whoever runs this, and is mounted`,
        fix: "Mount a directory of the module's own, with a copy of what is needed.",
        at: one.at,
      });
    }
  },
};
