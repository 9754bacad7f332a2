import { quote } from "../../model/errors.ts";
import { ago } from "./environment.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** The engine's check has its own interval: what has just begun has no answer from it. */
export const UNDECIDED = "the engine's own check has not decided yet; look later with --wait";
/** A log that was last written longer ago than this does not show that logging works today. */
const LOG_RECENT_MS = 3_600_000;

/** Whether the log file is what it must be, and grows. */
export function judgeLog({ module, log, container }: LiveSubject, verdicts: Verdicts): void {
  if (module?.log === undefined) {
    verdicts.notApplicable("log-file");
    return;
  }
  if (!log.known) {
    verdicts.unknown("log-file", log.reason);
    return;
  }
  const { path, kind, sizeBytes, writtenAtMs, grew, watchedMs, lookedAtMs } = log.value;
  const at = module.at;
  if (kind !== "file") {
    const what = { missing: "is not there", link: "is a symbolic link", fifo: "is a pipe", other: "is no regular file" }[kind];
    verdicts.broken("log-file", {
      message: `The log file ${module.log} (${path} on the host) ${what}.`,
      fix:
        kind === "missing"
          ? "See that the service writes its log there, and that its directory belongs to the service's user."
          : "Look at what in the container made it, remove it, and let the service write a regular file.",
      at,
    });
    return;
  }
  const started = container.startedAtMs ?? container.createdAtMs;
  const age = lookedAtMs - writtenAtMs;
  if (grew) verdicts.kept("log-file", `${module.log} grows`);
  else if (sizeBytes > 0 && writtenAtMs >= started && age <= LOG_RECENT_MS)
    verdicts.kept("log-file", `${module.log} was written ${ago(age)} ago`);
  else if (sizeBytes === 0) verdicts.unknown("log-file", `${module.log} is empty${watched(watchedMs)}`);
  else if (writtenAtMs < started)
    verdicts.unknown("log-file", `${module.log} was not written since the container started${watched(watchedMs)}`);
  else
    verdicts.unknown("log-file", `${module.log} was last written ${ago(age)} ago${watched(watchedMs)}; look longer with --wait`);
}

function watched(ms: number): string {
  return ms > 0 ? `, and did not grow in ${ago(ms)}` : "";
}

/** Whether the contract's endpoint answers, and what the engine's own check says. */
export function judgeHealth({ module, health, container, service }: LiveSubject, verdicts: Verdicts): void {
  const declared = module?.health;
  const at = service?.healthcheck?.at ?? module?.at;
  const own = container.health;
  if (own?.status === "unhealthy") {
    const last = own.log.at(-1);
    verdicts.broken("health", {
      message: `The engine's own health check fails${last ? ` (exit ${last.exitCode})` : ""}.`,
      fix: "See the service's log (`novabot modules logs`).",
      at,
    });
  }
  if (declared === undefined) {
    if (own?.status === "healthy") verdicts.kept("health", "the engine's own check");
    else if (own?.status === "starting") verdicts.unknown("health", UNDECIDED);
    else if (own === null) verdicts.notApplicable("health");
    return;
  }
  if (own?.status === "starting") verdicts.unknown("health", UNDECIDED);
  if (own === null && service?.healthcheck && !service.healthcheck.disabled)
    verdicts.broken("health", {
      message: "The container has no health check, and the Compose file declares one.",
      fix: "Make the container anew.",
      at,
    });
  if (!health.known) {
    verdicts.unknown("health", health.reason);
    return;
  }
  const { url, status, problem, bodyMatches, tookMs } = health.value;
  if (status === null)
    verdicts.broken("health", {
      message: `${url} does not answer: ${problem ?? "no reason is known"}.`,
      fix: "See the service's log, and that it listens on the contract's port.",
      at,
    });
  else if (status !== 200)
    verdicts.broken("health", {
      message: `${url} answers ${status}${status >= 300 && status < 400 ? ", a redirect, which is not followed" : ""}; it must be 200.`,
      fix: "Mend the service, or the contract's path when that is wrong.",
      at,
    });
  else if (!bodyMatches)
    verdicts.broken("health", {
      message: `${url} answers 200 without ${quote(declared.body ?? "")}${problem === undefined ? "" : ` (${problem})`}.`,
      reason: "Something else than the contract's service answers there.",
      fix: "See what listens on the port.",
      at,
    });
  else verdicts.kept("health", `${declared.path} answered 200 in ${Math.round(tookMs)} ms`);
}
