import { quote } from "../../model/errors.ts";
import { localVolumes } from "./local-volumes.ts";
import { contains, mountedIn } from "./mounted.ts";
import type { PaperRule, ServiceSubject, Tell } from "./paper-rule.ts";
import { itemsOf, textOf, under } from "./values.ts";

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
  "/run/dbus",
  "/run/systemd",
  "/var/spool",
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
const home = /^\/(?:home|Users)\/[^/]+$/;
const keys =
  /\/ssh-\w+\/agent\.\d+$|(?:^|\/)(?:ssh-auth\.sock|S\.gpg-agent(?:\.\w+)?)$|\/keyring(?:\/|$)|\/\.config$|(?:^|\/)\.(?:ssh|aws|gnupg|kube|azure|config\/gcloud|config\/sops|docker\/config\.json|netrc|git-credentials)(?:\/|$)/;

/** File systems that hold nothing of this host's own. */
const ownNothing = /^(?:none|tmpfs|nfs[34]?|cifs|smb3|)$/;

export const hostPathsRule: PaperRule = {
  id: "host-paths",
  scope: "service",
  check(subject, tell) {
    const { service, project, facts, contract } = subject;
    tellVolumes(subject, tell);
    for (const one of mountedIn(project, service, facts)) {
      if (one.named === undefined || one.source === undefined || one.mount.kind === "npipe") continue;
      // `/var/run` is `/run` on every Linux, also where the check does not run.
      const paths = [one.named, one.source].map((path) => path.replace(/^\/var\/run(?=\/|$)/, "/run"));
      const system = paths.find((path) => path === "/" || path === "/home" || systemPaths.some((known) => contains(known, path)));
      // A project may lie below /root or /opt: its own directories are its own.
      const roots = [contract?.root ?? project.directory, project.directory].filter((root) => root !== "/");
      const own = paths.every((path) => roots.some((root) => contains(root, path)));
      const key = paths.find((path) => keys.test(path) || (home.test(path) && !own));
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

function tellVolumes({ service, project }: ServiceSubject, tell: Tell): void {
  for (const { volume, driver, type, device, isBind, at } of localVolumes(project, service)) {
    if (driver !== "local") {
      tell({
        severity: "warning",
        message: `what the volume ${quote(volume)} mounts is known to the driver ${quote(driver)} alone, which is a program of the host`,
        fix: "Use the engine's own driver.",
        at,
      });
    } else if (!isBind && !ownNothing.test(type) && !device.startsWith("/dev/")) {
      tell({
        message: `the volume ${quote(volume)} mounts ${quote(type)} of the host's kernel`,
        fix: "Take its type and device out.",
        at,
      });
    }
  }
  for (const item of itemsOf(under(service.node, "volumes_from"))) {
    const text = textOf(item) ?? "";
    if (!text.startsWith("container:")) continue;
    tell.unknown("a container that is in no file brings its mounts");
    tell({
      severity: "warning",
      message: `volumes_from takes over every mount of ${quote(text)}, which is in no file`,
      fix: "Mount by name what is needed.",
      at: item.at,
    });
  }
}
