import { isAtFrame } from "./frames.ts";
import type { Shape } from "./beginning.ts";

/** `yes`: the line belongs to the trace; `perhaps`: only when one that does follows; `last`: it belongs to it and ends it. */
export type GoesOn = "yes" | "perhaps" | "last" | "no";

/** What is known of the trace so far. */
export interface Progress {
  readonly shape: Shape;
  /** Frames, or what is as good as one. */
  framed: boolean;
  /** Python: the exception's own line has come. */
  told: boolean;
  lines: number;
}

const joins =
  /^(?:[}\])]+[,;]?$|Caused by:|caused by:|Suppressed:|Wrapped by:|Emitted '|Stack backtrace:|stack backtrace:|Stack trace:|(?:help|note|hint): |#\d{1,4} |npm (?:ERR!|error)|Require stack:|- \/|\+ actual - expected|DETAIL: |HINT: |BEGIN failed)/;
const ends = /^(?:Node\.js v\d|Bun v\d)/;
const codeLine = /^\s{0,8}\d{1,7} (?:[|│] |\s?\S)/;
const pythonChain = /^(?:During handling of the above exception|The above exception was the direct cause)/;
const exceptionLine = /^[A-Za-z_][\w.]{0,300}(?::|$)/;
const goLine =
  /^(?:goroutine \d|created by |\[signal |\[(?:originating|recovered)|runtime stack:|\.\.\.|exit status \d|panic: |[a-z]{2,6}\d{0,2} {1,6}0x[0-9a-f]|[\w./*()[\]{}·$@%-]{1,400}\(.{0,2000}\)$)/;

/** Whether a line goes on with the trace that the ones before it began. */
export function goesOn(text: string, progress: Progress): GoesOn {
  return readers[progress.shape](text, progress);
}

const readers: Readonly<Record<Shape, (text: string, progress: Progress) => GoesOn>> = {
  trace: traceGoesOn,
  python: pythonGoesOn,
  go: goGoesOn,
  race: raceGoesOn,
  rust: rustGoesOn,
};

function goGoesOn(text: string, progress: Progress): GoesOn {
  if (text === "") return "perhaps";
  if (text.startsWith("exit status ")) return "last";
  progress.framed ||= text.startsWith("goroutine ");
  return text.startsWith("\t") || goLine.test(text) ? "yes" : "perhaps";
}

function raceGoesOn(text: string, progress: Progress): GoesOn {
  if (text.startsWith("=====")) return "last";
  if (text === "") return "perhaps";
  progress.framed = true;
  return /^(?:\s|Read at|Write at|Previous |Atomic |Goroutine |Concurrent )/.test(text) ? "yes" : "perhaps";
}

function rustGoesOn(text: string, progress: Progress): GoesOn {
  // The line after the first is the message, whatever it says.
  if (progress.lines === 1 && text !== "") return "yes";
  if (/^(?:note: |stack backtrace:|Stack backtrace:)/.test(text)) {
    progress.framed = true;
    return "yes";
  }
  return text === "" || !/^\s/.test(text) ? "perhaps" : "yes";
}

function traceGoesOn(text: string, progress: Progress): GoesOn {
  if (text.trim() === "") return "perhaps";
  if (/^\s/.test(text)) {
    progress.framed ||= isAtFrame(text);
    return "yes";
  }
  if (ends.test(text)) return "last";
  if (joins.test(text)) return "yes";
  return codeLine.test(text) && !progress.framed && progress.lines < 8 ? "yes" : "perhaps";
}

function pythonGoesOn(text: string, progress: Progress): GoesOn {
  if (text.trim() === "") return "perhaps";
  if (pythonChain.test(text)) return "yes";
  if (text.startsWith("Traceback (most recent call last):")) {
    progress.told = false;
    return "yes";
  }
  progress.framed = true;
  if (/^\s+[|+]/.test(text)) return "yes";
  if (progress.told) return "no";
  if (/^\s/.test(text)) return "yes";
  if (!exceptionLine.test(text)) return "perhaps";
  progress.told = true;
  return "yes";
}
