import type { Entry, EventEntry } from "./entry.ts";
import type { InstanceStatus } from "./instance.ts";
import { groupLine, logLine, lostLine } from "./record-text.ts";
import { visible } from "./visible.ts";

// Entries as people read them, one line each, in the command line and on the page alike. Whatever came out of a container is made harmless.

/** What happened, as one sentence without its time and place. */
export function eventText(event: EventEntry["event"]): string {
  switch (event.type) {
    case "instance":
      return instanceText(event.status);
    case "removed":
      return "forgotten";
    case "booted":
      return `supervisor ${event.version} booted${event.previous && !event.previous.clean ? "; the one before it did not end in order" : ""}`;
    case "stopping":
      return withReason("supervisor stops", event.why);
    case "terminal":
      return `terminal ${event.session} ${event.what}${event.exitCode === null ? "" : ` with status ${event.exitCode}`}`;
    case "worker":
      return withReason(`worker ${event.state}`, event.why);
    case "door":
      return withReason(`door ${event.door} ${event.healthy ? "healthy again" : "unhealthy"}`, event.why);
    case "module":
      return withReason(`module ${event.module} ${event.state}`, event.why);
    case "message":
      return withReason(`message ${event.message} of ${event.chatJid} ${event.what}`, event.why);
    case "run":
      return withReason(`run ${event.what}${event.outcome === null ? "" : `: ${event.outcome}`}`, event.why);
    case "denied":
      return withReason(`denied ${event.target}${event.count > 1 ? `, ${event.count} times` : ""}`, event.reason);
    case "pool":
      return `container ${event.name} ${event.what === "made" ? "made ahead" : "gone"}`;
    case "check":
      return withReason(`contract checked: ${event.broken} broken, ${event.unknown} unknown`, event.why);
    case "viewer":
      return `terminal viewer ${event.what}: ${event.who} (${event.session})`;
    case "trouble":
      return `trouble: ${event.why}`;
    default:
      return event satisfies never;
  }
}

/** `running, not ready`, `crash loop`: the state in as few words as tell it. */
export function stateText({ state, ready, crashLoop }: InstanceStatus): string {
  if (crashLoop) return "crash loop";
  return state === "running" && !ready ? "running, not ready" : state;
}

/** Of which worker and instance, or group and run, an entry is: `web/api`, `family:1f3a…`, `-`. */
export function whereText({ worker, instance, group, run }: Pick<Entry, "worker" | "instance" | "group" | "run">): string {
  const parts = [
    ...(worker === null ? [] : [instance === null ? worker : `${worker}/${instance}`]),
    ...(group === null ? [] : [run === null ? group : `${group}:${run.slice(0, 8)}`]),
  ];
  return visible(parts.join(" ")) || "-";
}

/** Any entry as one line, with its line end. */
export function entryLine(entry: Entry): string {
  const where = whereText(entry);
  switch (entry.kind) {
    case "log":
      return logLine({ ...entry, instance: where });
    case "lost":
      return lostLine({ ...entry, instance: where });
    case "error":
      return groupLine({ ...entry.error, instance: where });
    case "event":
      return `${new Date(entry.atMs).toISOString()} ${where} ${visible(eventText(entry.event)).replaceAll("\n", "\\n")}\n`;
    default:
      return entry satisfies never;
  }
}

function instanceText(status: InstanceStatus): string {
  const facts = [
    ...(status.state === "running" && status.pid !== null ? [`pid ${status.pid}`] : []),
    ...(status.restarts > 0 ? [`${status.restarts} ${status.restarts === 1 ? "restart" : "restarts"}`] : []),
  ];
  return withReason(`${stateText(status)}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`, status.why);
}

function withReason(what: string, why: string): string {
  return why === "" ? what : `${what}: ${why}`;
}
