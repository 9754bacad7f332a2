import { type Beginning, beginningOf, type Shape } from "./beginning.ts";
import type { ErrorBounds } from "./bounds.ts";
import { isAtFrame } from "./frames.ts";
import { goesOn, type Progress } from "./going-on.ts";
import { readJSONLine } from "./json-line.ts";
import type { Weight } from "./prefix.ts";

/** An error whose lines are all there. */
export interface Gathered {
  readonly shape: Shape;
  readonly lines: readonly string[];
  readonly before: readonly string[];
  readonly weight: Weight | null;
  /** The number of its first line, and that of the last time's where it came several times in a row. */
  readonly seq: number;
  readonly lastSeq: number;
  /** How many times in a row, word for word. */
  readonly count: number;
  readonly atMs: number;
}

/** The lines before a line: of both streams, or of its own alone. */
type Before = (ownAlone: boolean) => readonly string[];

/** The lines of one stream, one after the other; only those that may matter. */
export interface Gatherer {
  /** An error waits for more lines: the next line must be given, whatever is in it. */
  readonly isOpen: boolean;
  /** When its last line came, by the watch's clock. */
  readonly touchedMs: number;
  line(text: string, at: { readonly seq: number; readonly atMs: number; readonly nowMs: number }, before: Before): void;
  /** The line is the one before it once more, byte for byte, and no JSON. False: it must be read all the same. */
  repeat(seq: number, nowMs: number): boolean;
  close(): void;
}

/** Lines of a trace after which it is told of, though more of it may come. */
const LONG = 2000;

interface Open {
  progress: Progress;
  readonly lines: string[];
  /** What belongs to it only if more comes that does. */
  perhaps: string[];
  omitted: number;
  readonly before: readonly string[];
  weight: Weight | null;
  sure: boolean;
  sentence: boolean;
  told: boolean;
  seq: number;
  /** More times that its one line came. */
  repeats: number;
  readonly atMs: number;
}

export function gatherErrors(bounds: ErrorBounds, found: (error: Gathered) => void): Gatherer {
  let open: Open | null = null;
  let touchedMs = 0;

  function begin(beginning: Beginning, text: string, at: { seq: number; atMs: number }, before: Before): void {
    const lead = beginning.shape === "trace" && isPythonSyntax.test(text) ? pythonLead(before(true)) : [];
    const isPython = lead.length > 0;
    const lines = [...lead, text];
    open = {
      progress: { shape: isPython ? "python" : beginning.shape, framed: isPython, told: isPython, lines: lines.length },
      lines,
      perhaps: [],
      omitted: 0,
      before: (isPython ? before(true).slice(0, -lead.length) : before(false)).slice(-bounds.before),
      weight: beginning.weight,
      sure: beginning.sure,
      sentence: beginning.sentence,
      told: false,
      seq: at.seq,
      repeats: 0,
      atMs: at.atMs,
    };
  }

  function add(error: Open, text: string): void {
    if (error.repeats > 0) {
      // What follows belongs to the last of them only.
      const { lines, before, weight, seq, repeats, atMs, progress } = error;
      if (error.sure) {
        found({
          shape: progress.shape,
          lines: [...lines],
          before,
          weight,
          seq,
          lastSeq: seq + repeats - 1,
          count: repeats,
          atMs,
        });
      }
      error.seq += repeats;
      error.repeats = 0;
    }
    error.lines.push(text);
    error.progress.lines += 1;
    if (error.lines.length > bounds.lines) {
      error.lines.splice(bounds.lines >> 1, 1);
      error.omitted += 1;
    }
    if (error.progress.lines > LONG) tell(error);
  }

  function tell(error: Open): void {
    if (error.told) return;
    error.told = true;
    if (!error.sure && !error.progress.framed) return;
    const { lines, omitted, before, weight, seq, repeats, atMs } = error;
    const middle = bounds.lines >> 1;
    const all = omitted === 0 ? lines : [...lines.slice(0, middle), `… ${omitted} lines left out …`, ...lines.slice(middle + 1)];
    found({ shape: error.progress.shape, lines: all, before, weight, seq, lastSeq: seq + repeats, count: repeats + 1, atMs });
  }

  function close(): void {
    const error = open;
    open = null;
    if (error !== null) tell(error);
  }

  /** Whether the line was taken by the error that is open. */
  function follow(error: Open, text: string): boolean {
    const answer = goesOn(text, error.progress);
    if (answer === "yes" || answer === "last") {
      for (const line of error.perhaps) add(error, line);
      error.perhaps = [];
      add(error, text);
      if (answer === "last") close();
      return true;
    }
    const next = text === "" ? null : beginningOf(text);
    if (next !== null && next.sure) {
      // A log's sentence and the exception that it speaks of are one error.
      if (error.sentence && !error.progress.framed && error.progress.lines + error.perhaps.length < 4 && !next.sentence) {
        for (const line of error.perhaps) add(error, line);
        error.perhaps = [];
        add(error, text);
        error.sentence = false;
        error.progress = { ...error.progress, shape: next.shape, told: false };
        return true;
      }
      close();
      return false;
    }
    if (answer === "no" || error.perhaps.length >= patience(error)) {
      close();
      return false;
    }
    error.perhaps.push(text);
    return true;
  }

  return {
    get isOpen() {
      return open !== null;
    },
    get touchedMs() {
      return touchedMs;
    },
    line: (text, at, before) => {
      touchedMs = at.nowMs;
      if (text.startsWith("{") && text.endsWith("}")) {
        const told = readJSONLine(text);
        // Others' records between a trace's lines do not end it.
        if (told !== null) {
          const { lines, weight } = told;
          const shape = beginningOf(lines[0] ?? "")?.shape ?? "trace";
          found({
            shape,
            lines: shorten(lines, bounds),
            before: before(false).slice(-bounds.before),
            weight,
            seq: at.seq,
            lastSeq: at.seq,
            count: 1,
            atMs: at.atMs,
          });
        }
        return;
      }
      if (open !== null && follow(open, text)) return;
      const beginning = beginningOf(text);
      if (beginning !== null) {
        begin(beginning, text, at, before);
        return;
      }
      const isFrame = isAtFrame(text);
      if (!isFrame && !text.startsWith(uncaughtText)) return;
      // What was thrown has no name that says so: it is the line before the frames.
      const earlier = before(true);
      let head = earlier.length - 1;
      while (isFrame && head >= 0 && isAtFrame(earlier[head] ?? "")) head -= 1;
      const thrown = earlier[head] ?? "";
      if (isFrame ? !headless.test(thrown) : thrown === "") return;
      const first = { ...at, seq: Math.max(1, at.seq - (earlier.length - head)) };
      begin({ shape: "trace", sure: true, weight: isFrame ? null : "fatal", sentence: false }, thrown, first, () =>
        earlier.slice(0, head),
      );
      for (const line of [...earlier.slice(head + 1), text]) if (open !== null) follow(open, line);
    },
    repeat: (seq, nowMs) => {
      // The line before began nothing, and neither does this one.
      if (open === null) return true;
      const { lines, perhaps, told, progress } = open;
      if (lines.length > 1 || perhaps.length > 0 || told || progress.shape !== "trace" || seq !== open.seq + open.repeats + 1)
        return false;
      touchedMs = nowMs;
      open.repeats += 1;
      return true;
    },
    close,
  };
}

/** Node's words after something that is no error was thrown and not caught. */
const uncaughtText = "(Use `node --trace-uncaught";

/** What may have been thrown, by its form alone; `console.trace` and warnings write in that form, too. */
const headless = /^(?!Trace\b|Warning\b)[A-Z][\w$.]{0,100}(?:: .{1,900})?$/;

/** Lines between that are not the trace's own: a message may have several, a trace that is under way seldom has foreign ones. */
function patience(error: Open): number {
  if (!error.sure) return error.progress.framed ? 3 : 10;
  if (error.progress.shape === "trace" || error.progress.shape === "rust") return error.progress.framed ? 3 : 30;
  return 4;
}

const isPythonSyntax = /^(?:Syntax|Indentation|Tab)Error: /;

/** Python prints where the syntax is wrong before it says so: those of the lines before that belong to the error. */
function pythonLead(before: readonly string[]): readonly string[] {
  for (let count = 1; count <= 4; count += 1) {
    const line = before.at(-count) ?? "";
    if (/^\s{2,}File "/.test(line)) return before.slice(-count);
    if (!/^\s/.test(line)) return [];
  }
  return [];
}

function shorten(lines: readonly string[], bounds: ErrorBounds): string[] {
  const short = lines.map((line) => (line.length > bounds.lineCharacters ? `${line.slice(0, bounds.lineCharacters)}…` : line));
  const half = bounds.lines >> 1;
  if (short.length <= bounds.lines) return short;
  return [...short.slice(0, half), `… ${short.length - 2 * half} lines left out …`, ...short.slice(-half)];
}
