import { count } from "./identity.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

const anew = "Make the container anew (`novabot modules up`): Compose reads the file only then.";

/** Whether the container has what its env files hold today. Values are compared in memory and never told. */
export function judgeEnvironment({ envFiles, container, expected }: LiveSubject, verdicts: Verdicts): void {
  if (envFiles.length === 0) {
    verdicts.notApplicable("env-file");
    verdicts.notApplicable("env-file-fresh");
    return;
  }
  for (const { path, at, found } of envFiles) {
    if (found === null) {
      verdicts.broken("env-file", {
        message: `The env file ${path} is not there.`,
        fix: "Write it with `novabot secrets materialize`.",
        at,
      });
      verdicts.unknown("env-file-fresh", `${path} is not there`);
      continue;
    }
    if (!found.known) {
      verdicts.unknown("env-file", found.reason);
      verdicts.unknown("env-file-fresh", found.reason);
      continue;
    }
    const state = found.value;
    if (state.kind !== "file") {
      verdicts.broken("env-file", {
        message: `The env file ${path} is ${state.kind === "link" ? "a symbolic link" : "no regular file"}.`,
        fix: "Remove it, and write it with `novabot secrets materialize`.",
        at,
      });
      continue;
    }
    if ((state.mode & 0o077) !== 0) {
      verdicts.broken("env-file", {
        message: `The env file ${path} can be read by others (mode ${(state.mode & 0o777).toString(8).padStart(4, "0")}).`,
        fix: `Run \`chmod 600 ${path}\`.`,
        at,
      });
    }
    if (state.uid !== 0 && expected.user && state.uid !== expected.user.uid) {
      verdicts.broken("env-file", {
        severity: "warning",
        message: `The env file ${path} belongs to user ${state.uid}, who is neither root nor the contract's ${expected.user.uid}.`,
        fix: "Write it again with `novabot secrets materialize`.",
        at,
      });
    }
    if (state.changedAtMs > container.createdAtMs) {
      verdicts.broken("env-file-fresh", {
        message: `The env file ${path} was changed ${ago(state.changedAtMs - container.createdAtMs)} after the container was made.`,
        fix: anew,
        at,
      });
    }
    for (const [names, what] of [
      [state.missing, "does not have"],
      [state.differing, "has another value of"],
    ] as const) {
      if (names.length === 0) continue;
      verdicts.broken("env-file-fresh", {
        message: `The container ${what} ${list(names)} as ${path} has it.`,
        fix: anew,
        at,
      });
    }
    verdicts.kept("env-file", count(state.names, "variable", "variables"));
    verdicts.kept("env-file-fresh", "older than the container, and every value is the same");
  }
}

function list(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}

/** A span as people say it: `40 s`, `3 min`, `5 h`, `2 days`. */
export function ago(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
