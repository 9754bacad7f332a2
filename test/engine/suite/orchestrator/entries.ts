import type { APIParams } from "../../../../src/model/api/calls.ts";
import type { Entry, EventEntry, LogEntry } from "../../../../src/model/entry.ts";
import type { InstanceState } from "../../../../src/model/instance.ts";

type Start = Pick<APIParams<"process.start">, "wait"> & Required<Pick<APIParams<"process.start">, "spec">>;

/** Of `process.start`: a shell's script in the container, and that it runs. */
export function shell(script: string): Start {
  return { spec: { argv: ["/bin/bash", "-c", script], directory: "/tmp" }, wait: "running" };
}

export function isLine(text: string): (entry: Entry) => entry is LogEntry {
  return (entry): entry is LogEntry => entry.kind === "log" && entry.text === text;
}

/** A process came into this state. */
export function isProcess(state: InstanceState): (entry: Entry) => entry is EventEntry {
  return (entry): entry is EventEntry =>
    entry.kind === "event" && entry.event.type === "instance" && entry.event.status.state === state;
}
