import { posix } from "node:path";
import { quote } from "../../model/errors.ts";
import { contains, mountedIn } from "./mounted.ts";
import type { PaperRule } from "./paper-rule.ts";
import { under } from "./values.ts";

export const logFileRule: PaperRule = {
  id: "log-file",
  scope: "declared",
  check({ service, declared, project, facts }, tell) {
    const driver = under(service.node, "logging", "driver");
    if (driver?.kind === "scalar" && driver.value === "none") {
      tell({
        message: "the engine keeps nothing of what the service writes to stdout",
        fix: "Take the logging driver out.",
        at: driver.at,
      });
    }
    if (declared.log === undefined) {
      if (driver === undefined) tell.notApplicable();
      return;
    }
    const log = declared.log;
    const over = mountedIn(project, service, facts)
      .filter(({ target, hiddenBy }) => hiddenBy === undefined && contains(target, log))
      .toSorted((one, other) => other.target.length - one.target.length)[0];
    const fix = `Mount a directory of the host at \`${posix.dirname(log)}\`, writable.`;
    if (over === undefined) {
      tell({ message: `${quote(log)} lies on no mount: it is gone with its container`, fix, at: service.at });
    } else if (over.source === undefined && (over.mount.kind !== "volume" || over.mount.source === undefined)) {
      tell({
        message: `${quote(log)} lies on ${over.mount.kind === "volume" ? "a volume without a name" : `a ${over.mount.kind}`}: it is gone with its container`,
        fix,
        at: over.at,
      });
    } else if (over.source?.startsWith("/dev/") === true) {
      tell({ message: `${quote(log)} is ${quote(over.source)} of the host: nothing is kept`, fix, at: over.at });
    } else if (over.readonly) {
      tell({
        message: `${quote(log)} lies on a mount that is read-only: nothing can be written`,
        fix,
        at: over.mount.mode?.at ?? over.at,
      });
    }
  },
};
