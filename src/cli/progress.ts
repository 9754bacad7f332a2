import { stripVTControlCharacters } from "node:util";
import type { ImageProgress, OnProgress } from "../host/images/build.ts";
import { formatSize } from "../model/size.ts";
import type { CLIContext } from "./context.ts";

/** One event of a build as one line. */
export function progressLine(event: ImageProgress): string {
  const text = stripVTControlCharacters(event.text.split("\n")[0] ?? "")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  if (event.phase === "context") {
    return `${event.image}: sending ${formatSize(event.bytes ?? 0)} of ${formatSize(event.totalBytes ?? 0)} to the engine`;
  }
  if (event.phase === "rootfs") return `${event.image}: Debian's packages: ${text}`;
  return event.step === null ? `${event.image}: ${text}` : `${event.image}: step ${event.step}/${event.steps}: ${text}`;
}

/**
 * Shows builds on stderr: on a terminal as one line that is written over, elsewhere as one line for each step, so that a log
 * stays short.
 */
export function buildProgress(context: CLIContext): OnProgress {
  if (!context.isTerminal) return calmProgress((line) => context.note(line));
  return (event) => {
    const columns = (context.stderr as { columns?: number }).columns ?? 80;
    const line = event.phase === "done" ? "" : progressLine(event).slice(0, columns - 1);
    // The cursor goes back to the start, so that whatever is written next takes the line's place.
    context.stderr.write(`\r\u001b[K${line}\r`);
  };
}

function calmProgress(note: (line: string) => void): OnProgress {
  let last = "";
  return (event) => {
    // Of a step its instruction, not its output; of a context its whole size, once.
    if (event.phase === "done" || event.phase === "output") return;
    const key = event.phase === "rootfs" ? `${event.image} rootfs ${event.text}` : `${event.image} ${event.phase} ${event.text}`;
    if (key === last) return;
    last = key;
    const line =
      event.phase === "context"
        ? `${event.image}: sending ${formatSize(event.totalBytes ?? 0)} to the engine`
        : progressLine(event);
    note(line.length > 120 ? `${line.slice(0, 119)}…` : line);
  };
}
