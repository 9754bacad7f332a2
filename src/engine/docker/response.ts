import { readEvent } from "../engine-api/answers.ts";

/** What the stream of deaths tells: that a container's memory limit killed a process, or that the container has ended. */
export interface Death {
  readonly id: string;
  readonly what: "out of memory" | "died";
}

/** The events that deaths are read from. */
export const deathEvents: readonly string[] = ["oom", "die"];

export function readDeath(value: unknown): Death | undefined {
  const event = readEvent(value);
  return event && (event.type === "out of memory" || event.type === "died") ? { id: event.id, what: event.type } : undefined;
}
