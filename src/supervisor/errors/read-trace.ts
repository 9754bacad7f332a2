import type { ErrorCategory, ErrorSeverity } from "../../model/record.ts";
import type { Shape } from "./beginning.ts";
import { categoryOf } from "./category.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type Frame, framesOf } from "./frames.ts";
import type { Gathered } from "./gather.ts";
import { strip, type Weight } from "./prefix.ts";

/** What an error's lines say. */
export interface ErrorShape {
  readonly fingerprint: string;
  readonly category: ErrorCategory;
  readonly severity: ErrorSeverity;
  readonly source: string;
  readonly name: string;
  readonly message: string;
}

interface Named {
  readonly name: string;
  readonly message: string;
}

const typeName =
  /^(?:Uncaught |Unhandled |Caused by: |Suppressed: |Exception in thread "[^"]{0,200}" |uncaughtException: )*([A-Za-z_$][\w$.-]{0,200})(?: \[(\w{1,80})\])?(?:: ?(.*))?$/;
const endsAsError = /(?:Error|Exception|Rejection|Failure|Fault|Interrupt|Warning|Panic|Timeout)$/;
const within =
  /\b((?:[A-Za-z_][\w$]{0,60}\.){0,8}[A-Z][\w$]{0,100}(?:Error|Exception)|Error|Exception)(?: \[(\w{1,80})\])?: (.*)$/;

/** Reads the lines of one error; the first is where it begins, `before` what was written before it. */
export function readTrace({ shape, lines, before, weight }: Gathered): ErrorShape {
  const frames = framesOf(lines);
  const { name, message } = nameOf(shape, lines, frames);
  const source = sourceOf(shape, lines, before, frames, name);
  const otherwise: ErrorCategory =
    shape === "go" || shape === "rust"
      ? "panic"
      : source === "typescript" || source === "vite" || isBuild(lines[0] ?? "")
        ? "build"
        : name === "" && frames.length === 0
          ? "other"
          : "runtime";
  const category = categoryOf(name, codesOf(lines) + message, otherwise);
  return {
    fingerprint: fingerprintOf({
      name,
      message,
      category,
      causes: causesOf(lines),
      frames: frames.length > 0 ? frames : placesOf(lines),
    }),
    category,
    severity: severityOf(shape, lines, category, weight, frames),
    source,
    name: name.slice(0, 200),
    message: message.slice(0, 2000),
  };
}

function nameOf(shape: Shape, lines: readonly string[], frames: readonly Frame[]): Named {
  const first = strip((lines[0] ?? "").trimStart()).rest;
  if (shape === "python") return pythonName(lines);
  if (shape === "race") return { name: "DATA RACE", message: (lines[1] ?? "").replace(/ at 0x.*$/, "").trim() };
  if (shape === "go") {
    const [, name, message] =
      /^(panic|fatal error|SIG[A-Z]+): (.*)$/.exec((lines[0] ?? "").trim()) ??
      /^(panic|fatal error|SIG[A-Z]+): (.*)$/.exec(first) ??
      [];
    return { name: name ?? "panic", message: (message ?? first).replace(/ \[recovered.*$/, "") };
  }
  if (shape === "rust") return rustName(lines);

  const whole = lines[0] ?? "";
  const compiler = /^(\S{1,300}?)(?:\(\d+,\d+\)|(?::\d+){1,2})(?: -|:) (?:fatal )?error(?: ([A-Z]{1,4}\d{1,6}))?: (.*)$/.exec(
    whole,
  );
  if (compiler !== null) return { name: compiler[2] ?? "", message: compiler[3] ?? "" };
  const rustc = /^error\[(E\d{4})\]: (.*)$/.exec(whole);
  if (rustc !== null) return { name: rustc[1] ?? "", message: rustc[2] ?? "" };
  const build =
    /^(?:[✘✗X] \[ERROR\] |(?:Pre-transform|Internal server) error: |npm (?:ERR!|error) |FATAL ERROR: |PHP \w+ error: +)(.*)$/.exec(
      first === "" ? whole : /^(?:[✘✗X] |npm )|^FATAL ERROR/.test(whole) ? whole : first,
    );
  if (build !== null) return { name: whole.startsWith("FATAL ERROR") ? "FATAL ERROR" : "", message: build[1] ?? "" };
  if (whole.startsWith("error during build:")) {
    const told =
      lines.find((line) => /^\[[A-Z_]{3,40}\] /.test(line)) ??
      lines.slice(1).find((line) => typeName.exec(line)?.[1]?.endsWith("Error"));
    const coded = /^\[([A-Z_]{3,40})\] (.*)$/.exec(told ?? "");
    if (coded !== null) return { name: coded[1] ?? "", message: coded[2] ?? "" };
    return told === undefined ? { name: "", message: lines[1] ?? whole } : split(told);
  }
  const own = split(first.replace(/ at \S{1,300} line \d{1,9}\.$/, ""), frames.length > 0);
  if (own.name !== "") return own;
  // A log's own sentence, and the exception on a line below it.
  const below = lines
    .slice(1)
    .find((line, index) => typeName.exec(line.trim())?.[1]?.match(endsAsError) && /^\s+at /.test(lines[index + 2] ?? ""));
  if (below !== undefined) return split(below.trim());
  const logged = /(?:^|\s)(?:msg|message)=(?:"((?:[^"\\]|\\.){0,2000})"|(\S+))/.exec(whole);
  if (logged !== null) {
    const told = /(?:^|\s)(?:err|error)=(?:"((?:[^"\\]|\\.){0,2000})"|(\S+))/.exec(whole);
    return {
      name: "",
      message: [logged[1] ?? logged[2] ?? "", told?.[1] ?? told?.[2]].filter((part) => part !== undefined).join(": "),
    };
  }
  return own;
}

/** `TypeError: message`, also behind a sentence; with frames after it any word may be the name. */
function split(text: string, framed = false): Named {
  const typed = typeName.exec(text);
  if (typed !== null && (endsAsError.test(typed[1] ?? "") || (framed && (typed[3] ?? "") !== "" && /^[A-Z]/.test(text)))) {
    return { name: typed[1] ?? "", message: typed[3] ?? "" };
  }
  const inner = within.exec(text);
  return inner === null ? { name: "", message: text } : { name: inner[1] ?? "", message: inner[3] ?? "" };
}

function pythonName(lines: readonly string[]): Named {
  let last: Named | null = null;
  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(/^\s{0,8}\| /, "");
    const isGroup = line !== raw;
    if (index === 0 || /^(?:\s|Traceback|During handling|The above exception)/.test(line) || (isGroup && last !== null)) continue;
    const typed = /^([A-Za-z_][\w.]{0,300})(?:: (.*))?$/.exec(line);
    if (typed !== null) last = { name: typed[1] ?? "", message: typed[2] ?? "" };
  }
  return last ?? { name: "Traceback", message: "" };
}

function rustName(lines: readonly string[]): Named {
  const first = lines[0] ?? "";
  const old = /panicked at '(.*)', [^,]{1,300}$/.exec(first);
  if (old !== null) return { name: "panic", message: old[1] ?? "" };
  if (first.includes("has overflowed its stack")) return { name: "panic", message: "stack overflow" };
  const runtime = /fatal runtime error: (.*)$/.exec(first);
  if (runtime !== null) return { name: "fatal runtime error", message: runtime[1] ?? "" };
  const message = lines[1] ?? "";
  return { name: "panic", message: /^(?:note:|stack backtrace:)/.test(message) ? "" : message };
}

/** What else the error came from, innermost last. */
function causesOf(lines: readonly string[]): string[] {
  const causes: string[] = [];
  for (const line of lines) {
    const cause = /^\s{0,40}(?:Caused by: |Suppressed: |\[cause\]: )([A-Za-z_$][\w$.]{0,200})/.exec(line)?.[1];
    if (cause !== undefined && causes.length < 4) causes.push(cause);
  }
  return causes;
}

/** Where a compiler points to, when there are no frames. */
function placesOf(lines: readonly string[]): Frame[] {
  for (const line of lines.slice(0, 12)) {
    const place =
      /^\s{0,20}(?:--> |File: |╭─\[ ?|at )?([^\s:()[\]]{1,300}\.\w{1,6})(?:(?::\d{1,7}){1,2}|\(\d{1,7},\d{1,7}\))/.exec(
        line,
      )?.[1] ??
      / at (\S{1,300}) line \d{1,9}\.$/.exec(line)?.[1] ??
      /panicked at (?:'.*', )?([^\s:]{1,300})(?::\d{1,7}){2}:?$/.exec(line)?.[1];
    if (place !== undefined) return [{ call: "", file: place, own: true, language: "javascript" }];
  }
  return [];
}

/** A system's code is often only among an error's properties. */
function codesOf(lines: readonly string[]): string {
  for (const line of lines) {
    const code = /^\s{1,8}code: '(\w{2,60})'/.exec(line)?.[1];
    if (code !== undefined) return `${code} `;
  }
  const code = /^[\w$.]{0,100}Error \[(\w{2,60})\]: /.exec(lines[0] ?? "")?.[1];
  return code === undefined ? "" : `${code} `;
}

function isBuild(first: string): boolean {
  return /^(?:npm |make|error(?:\[E\d{4}\])?: (?:could not compile|aborting))|^\S{1,300}(?::\d+){1,2}: (?:fatal )?error: |^error\[E\d{4}\]/.test(
    first,
  );
}

function sourceOf(
  shape: Shape,
  lines: readonly string[],
  before: readonly string[],
  frames: readonly Frame[],
  name: string,
): string {
  if (shape === "python") return "python";
  if (shape === "go" || shape === "race") return "go";
  if (shape === "rust") return "rust";
  const first = lines[0] ?? "";
  if (/(?:\(\d+,\d+\):|:\d+:\d+ -) error TS\d/.test(first)) return "typescript";
  if (
    /\[vite\]|^[✘✗X] \[ERROR\] |^error during build:|\[plugin:vite|Rollup failed|Pre-transform error: /.test(first) ||
    lines.some((line) => /^\s{1,4}Plugin: vite:/.test(line))
  )
    return "vite";
  if (/^error\[E\d{4}\]/.test(first) || /^\s{0,8}--> \S+\.rs:/.test(lines[1] ?? "")) return "rust";
  const language = frames.find((frame) => frame.language !== "javascript")?.language;
  if (language !== undefined && language !== "perl") return language;
  if (frames.length === 0) {
    if (
      /^\s{2,}File "/.test(before.at(-1) ?? "") ||
      (name !== "" && before.slice(-4).some((line) => /^\s{2,}File ".{1,400}", line \d+/.test(line)))
    )
      return "python";
    if (first.startsWith("FATAL ERROR: ") || lines.some((line) => /^Node\.js v\d/.test(line))) return "node";
    if (/^(?:Exception in thread "|java\.|kotlin\.)/.test(first)) return "java";
  }
  if (
    lines.some((line) => /^Bun v\d/.test(line)) ||
    (frames.length > 0 && /^\s+\^/.test(before.at(-1) ?? "") && /^\s{0,6}\d{1,7} [|│] /.test(before.at(-2) ?? ""))
  )
    return "bun";
  return frames.length > 0 && language === undefined ? "node" : "plain";
}

function severityOf(
  shape: Shape,
  lines: readonly string[],
  category: ErrorCategory,
  weight: Weight | null,
  frames: readonly Frame[],
): ErrorSeverity {
  const first = lines[0] ?? "";
  if (weight === "fatal" || shape === "go" || /^fatal runtime error|has overflowed its stack/.test(first)) return "fatal";
  if (shape === "rust") return first.includes("thread 'main'") ? "fatal" : "error";
  if (weight === "warning" || weight === "low") return "warning";
  if (category === "memory" && frames.length === 0) return "fatal";
  if (/^(?:Exception in thread "main"|Uncaught |FATAL ERROR: |PHP Fatal)/.test(first)) return "fatal";
  return lines.some((line) => /^(?:Node\.js v\d|Bun v\d)/.test(line)) ? "fatal" : "error";
}
