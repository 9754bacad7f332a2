import { visible } from "../model/visible.ts";
import type { BroughtUp } from "../host/up/bring-up.ts";
import type { UpEvent } from "../host/up/up.ts";
import { count, queueLine } from "./queue-lines.ts";

// The console of `novabot up`: what a person wants to see pass by, a line each, and no more of them than can be read.

/** Of what the workers and the house tell, so many lines a second. */
const LINES = 10;
const SECOND_MS = 1000;

/** The lines of an event for people; none when it is too small a thing for them. Entries are told by `News`. */
export function upLines(event: UpEvent): string[] {
  switch (event.kind) {
    case "queue":
      return [queueLine(event.event)].filter((line) => line !== null);
    case "cleaned up":
      return [
        `Removed ${count(event.containers.length, "container")} that a host which is gone had left: ${event.containers.join(", ")}`,
      ];
    case "brought up":
      return broughtUpLine(event.told);
    case "store":
      return [
        event.trouble === null ? "What happens is kept again." : `What happens cannot be kept, and waits: ${event.trouble}`,
      ];
    case "entries":
      return [];
    default:
      return event satisfies never;
  }
}

function broughtUpLine({ what, name, result, note }: BroughtUp): string[] {
  if (result === "was up" && note === null) return [];
  const words = { added: "added", started: "is up", "was up": "was up", failed: "did not come up" };
  return [`${what} ${name}  ${words[result]}${note === null ? "" : `: ${note}`}`];
}

/** Passes lines on, each as one whatever a worker wrote into it, and of more in a second than can be read only how many there were. */
export function calm(print: (line: string) => void): { line(text: string): void; end(): void } {
  let inSecond = 0;
  let left = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    inSecond = 0;
    if (left > 0) print(`… and ${count(left, "line")} more; \`novabot events -f\` shows all that happens.`);
    left = 0;
  };
  return {
    line(text) {
      timer ??= setTimeout(flush, SECOND_MS);
      inSecond += 1;
      if (inSecond > LINES) left += 1;
      else print(visible(text).replaceAll("\n", "\\n"));
    },
    end() {
      clearTimeout(timer);
      flush();
    },
  };
}
