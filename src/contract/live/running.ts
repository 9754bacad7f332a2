import { ago } from "./environment.ts";
import { count } from "./identity.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** A service that was started again this often, the last time this lately, is not running but failing. */
const LOOPS = 3;
const LATELY_MS = 600_000;

export function judgeRunning({ container }: LiveSubject, now: number, verdicts: Verdicts): boolean {
  const fix = "See its log (`novabot modules logs`), mend what it says, then start it (`novabot modules up`).";
  if (!container.running || container.status === "restarting") {
    const ended = container.exitCode === null ? "" : `, and ended with ${container.exitCode}`;
    const message =
      container.status === "restarting"
        ? `The container ends and is started again and again (${count(container.restarts, "time", "times")} so far${ended}).`
        : `The container does not run: it is ${container.status}${ended}.`;
    verdicts.broken("running", { message, fix });
    return false;
  }
  if (container.status === "paused")
    verdicts.broken("running", { message: "The container is paused.", fix: "Let it go on (`docker unpause`)." });
  const up = container.startedAtMs === null ? null : now - container.startedAtMs;
  if (container.restarts >= LOOPS && up !== null && up < LATELY_MS)
    verdicts.broken("running", {
      message: `The container was started again ${count(container.restarts, "time", "times")}, the last time ${ago(up)} ago.`,
      fix,
    });
  else if (container.restarts > 0)
    verdicts.broken("running", {
      severity: "warning",
      message: `The container was started again ${count(container.restarts, "time", "times")} since it was made.`,
      fix: "See its log for why it ended.",
    });
  verdicts.kept("running", up === null ? undefined : `for ${ago(up)}`);
  return true;
}

/** What must hold of the container's settings, whatever the file says. */
export function judgeSettings(subject: LiveSubject, verdicts: Verdicts): void {
  const { container, module, service, expected } = subject;
  if (module) {
    if (container.restartPolicy !== module.restart)
      verdicts.broken("restart", {
        message: `The engine restarts it ${container.restartPolicy}; the contract says ${module.restart}.`,
        fix: `Set \`restart: ${module.restart}\`, then make the container anew.`,
        at: service?.restart?.at ?? service?.at,
      });
    else verdicts.kept("restart", container.restartPolicy);
  }
  const advice = expected.hardened ? ({ severity: "error" } as const) : {};
  const limit = (rule: string, key: string, value: number | null, what: string, shown: (value: number) => string): void => {
    if (value === null)
      verdicts.broken(rule, {
        ...advice,
        message: `The container has no limit on ${what}.`,
        fix: expected.hardened ? "Remove the container; NovaBot makes another." : `Set \`${key}\`, then make the container anew.`,
        at: service?.at,
      });
    else verdicts.kept(rule, shown(value));
  };
  limit("memory-limit", "mem_limit", container.memoryBytes, "memory", (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
  limit("cpu-limit", "cpus", container.cpus, "CPU time", (cpus) => `${cpus} CPUs`);
  limit("pids-limit", "pids_limit", container.pidsLimit, "processes", String);
  if (!expected.hardened) {
    if (container.readonlyRoot) verdicts.kept("read-only-root");
    else
      verdicts.broken("read-only-root", {
        message: "The container's root file system can be written.",
        fix: "Set `read_only: true`, with a `tmpfs` for what the service must write.",
        at: service?.at,
      });
    if (container.init) verdicts.kept("init");
    else
      verdicts.broken("init", {
        message: "Process 1 is the service itself, and no init.",
        fix: "Set `init: true`.",
        at: service?.at,
      });
  }
}
