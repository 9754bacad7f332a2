import type { QueueEvent } from "../agents/queue/events.ts";
import { formatDuration } from "./output.ts";

/** What the queue tells as a line for people; null when it is too small a thing for them. */
const lineOf: { readonly [Kind in QueueEvent["kind"]]: (event: Extract<QueueEvent, { kind: Kind }>) => string | null } = {
  arrived: ({ group, message }) => `${group}  message from ${message.sender}`,
  begun: ({ group, messages, task }) => `${group}  ${task === null ? `answering ${count(messages, "message")}` : `task ${task}`}`,
  handed: ({ group, run }) => `${group}  handed a message to the agent at work (run ${run})`,
  answered: ({ group, run, afterMs }) =>
    `${group}  answered after ${formatDuration(afterMs)}${run === null ? "" : ` (run ${run})`}`,
  settled(event) {
    if (event.outcome === "success") return null;
    const reason = event.reason === null ? "" : `: ${firstLine(event.reason)}`;
    const again = event.retryMs === null ? "" : ` Trying again in ${formatDuration(event.retryMs)}.`;
    const given = event.failures.length ? ` Given up: ${event.failures.map(({ id }) => id).join(", ")}.` : "";
    return `${event.group}  ${event.outcome} after ${formatDuration(event.durationMs)}${reason}${again}${given}`;
  },
  // An answer has its line already.
  sent: ({ message }) => (message.kind === "mail" ? `${message.group}  sent mail to ${message.chatJid}` : null),
  "given up": ({ chatJid, messages, reason }) =>
    `${count(messages.length, "message")} to ${chatJid} given up, the oldest that waited: ${firstLine(reason)}`,
  trouble: ({ reason }) => `${reason} Trying again.`,
  unsent: ({ message, reason, retryMs }) =>
    `${message.group}  cannot send to ${message.chatJid}: ${firstLine(reason)} Trying again in ${formatDuration(retryMs)}.`,
};

export function queueLine(event: QueueEvent): string | null {
  // Each function takes the events of its own key, which the table's type holds.
  return (lineOf[event.kind] as (event: QueueEvent) => string | null)(event);
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
