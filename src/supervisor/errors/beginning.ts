import { isAtFrame } from "./frames.ts";
import { strip, type Weight, weightOf } from "./prefix.ts";

/** How the lines of a trace hang together: most languages print the message first, Python last, and Go and Rust in blocks of their own. */
export type Shape = "trace" | "python" | "go" | "race" | "rust";

export interface Beginning {
  readonly shape: Shape;
  /** Not sure: it only mentions an error, and is one when frames follow. */
  readonly sure: boolean;
  readonly weight: Weight | null;
  /** A log's own sentence: the exception itself may follow on the next line. */
  readonly sentence: boolean;
}

const typed = /^(?:[A-Za-z_$][\w$.-]{0,200})?(?:Error|Exception|Rejection|Failure|Fault|Interrupt)(?: \[\w{1,80}\])?: \S/;
const typedAlone = /^(?:[A-Za-z_$][\w$.-]{0,200})?(?:Error|Exception|Rejection)(?: \[\w{1,80}\])?:?$/;
const uncaught =
  /^(?:Uncaught|Unhandled|uncaught|unhandled) (?:[\w-]{1,30} )?(?:[Ee]xception|[Rr]ejection|[Ee]rror|[\w$.]{1,100}Error)\b|^Uncaught \S/;
const inThread = /^Exception in thread "/;
const mentions = /\b(?:[A-Z][\w$.]{0,100})?(?:Error|Exception)\b/;
const rust = /^thread '[^']{0,200}' (?:\(\d{1,10}\) )?(?:panicked at |has overflowed its stack)|^fatal runtime error: /;
const go = /^(?:panic: |fatal error: |SIGQUIT: quit|SIG[A-Z]{3,6}: )/;
const compiler =
  /^[^\s:]{1,300}(?::\d{1,7}){1,2}: (?:fatal )?error: |^[^\s(]{1,300}\(\d{1,7},\d{1,7}\): error [A-Z]{1,4}\d{1,6}: |^\S{1,300}(?::\d{1,7}){2} - error TS\d{1,6}: /;
const build = /^(?:[✘✗X] \[ERROR\] |error during build:|(?:Pre-transform|Internal server) error: )/;
const rustc = /^error(?:\[E\d{4}\])?: /;
const tools = /^npm (?:ERR!|error) |^make(?:\[\d{1,5}\])?: \*{3} |^PHP (?:Fatal|Parse) error: |^FATAL ERROR: /;
const crash = /^(?:[^\s:]{1,200}: (?:line \d{1,7}: +\d{1,10} )?)?Segmentation fault/;
const shell =
  /^[\w./-]{1,200}: (?:line )?\d{1,7}: \S.{0,400}(?:not found|rror|No such file or directory|denied|unbound variable|parameter not set)/;
const perl = /\S at \S{1,300} line \d{1,9}\.$/;
const perlWarning =
  /warn|^(?:Use of|Useless use|Argument "|Name "|Odd number|Deep recursion|Subroutine |Unquoted|Scalar value|Possible |Statement unlikely|Smartmatch|Found = in)/i;
/** What a log says when there is no error. */
const nothing = /^(?:null|none|nil|undefined|false|true|no(?: errors?)?|ok|0|\{\}|\[\]|"")?[.,;!]?$/i;
const logfmt = /(?:^|\s)(?:level|lvl|severity)="?(\w{1,12})"?(?=\s|$)/;
/** Says what it is, whatever is in the line. */
const harmless =
  /^\(Use `node |^\(node:\d{1,10}\) (?!UnhandledPromiseRejectionWarning)|^(?:Found |with )?(?:0|no) (?:\w{1,20} )?errors?\b|^\s*\d{1,9} errors?\b|^Found \d{1,9} errors?\b/i;

/** What the line begins, if it begins an error. The text has no escape sequences. */
export function beginningOf(text: string): Beginning | null {
  if (harmless.test(text)) return null;
  const indented = /^\s/.test(text);
  const line = indented ? text.trimStart() : text;
  const special = specialOf(line);
  if (special !== null) return { shape: special, sure: true, weight: null, sentence: false };
  if (isAtFrame(text)) return null;

  const fields = logfmt.exec(line);
  if (fields !== null) {
    const weight = weightOf(fields[1] ?? "");
    if (weight === "error" || weight === "fatal") return { shape: "trace", sure: true, weight, sentence: true };
    return mentions.test(line) ? { shape: "trace", sure: false, weight, sentence: false } : null;
  }

  // These have a level's word in front that belongs to them.
  if (
    !indented &&
    (compiler.test(line) || build.test(line) || tools.test(line) || (rustc.test(line) && !nothing.test(line.slice(7))))
  ) {
    return { shape: "trace", sure: true, weight: null, sentence: line.startsWith("error during build:") };
  }
  const { rest, weight } = strip(line);
  const inner = specialOf(rest);
  if (inner !== null) return { shape: inner, sure: true, weight, sentence: false };
  const grave = weight === "error" || weight === "fatal";
  const light = weight === "warning" || weight === "low";
  const isTyped = typed.test(rest) || inThread.test(rest) || uncaught.test(rest);
  if (isTyped && !light) return { shape: "trace", sure: !indented, weight, sentence: false };
  if (grave) return nothing.test(rest) ? null : { shape: "trace", sure: !indented, weight, sentence: true };
  if (
    !light &&
    !indented &&
    (build.test(rest) || crash.test(line) || shell.test(line) || (perl.test(line) && !perlWarning.test(line)))
  ) {
    return { shape: "trace", sure: true, weight: crash.test(line) ? "fatal" : weight, sentence: false };
  }
  return typedAlone.test(rest) || mentions.test(line) ? { shape: "trace", sure: false, weight, sentence: false } : null;
}

function specialOf(text: string): Shape | null {
  if (
    text.startsWith("Traceback (most recent call last):") ||
    text.startsWith("+ Exception Group Traceback (most recent call last):")
  )
    return "python";
  if (text.startsWith("WARNING: DATA RACE")) return "race";
  if (rust.test(text)) return "rust";
  return go.test(text) ? "go" : null;
}
