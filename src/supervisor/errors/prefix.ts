// What logs put before a message: times, levels, names of loggers, processes and threads.

/** How a line calls itself: `low` is everything below a warning. */
export type Weight = "fatal" | "error" | "warning" | "low";

export interface Stripped {
  /** The message itself. */
  readonly rest: string;
  /** Null: the line does not say. */
  readonly weight: Weight | null;
}

const weights: Readonly<Record<string, Weight>> = {
  trace: "low",
  debug: "low",
  info: "low",
  notice: "low",
  warn: "warning",
  warning: "warning",
  err: "error",
  error: "error",
  severe: "error",
  fatal: "fatal",
  crit: "fatal",
  critical: "fatal",
  panic: "fatal",
  dpanic: "fatal",
  alert: "fatal",
  emerg: "fatal",
};

export function weightOf(word: string): Weight | null {
  return weights[word.toLowerCase()] ?? null;
}

// All of these are tried at one place only (`y`), and none has a repetition within a repetition.
const time =
  /\[?\d{4}[-/]\d\d[-/]\d\d(?:[T ,]\s?\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?)?\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)?\]?(?=[\s\]:|]|$)/y;
const clock = /\[?\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AP]M)?\]?(?=[\s\]:|]|$)/y;
const syslog = /(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,80} [\w./-]{1,60}(?:\[\d{1,10}\])?:/y;
const klog = /([EFWI])\d{4} \d\d:\d\d:\d\d\.\d{1,9}\s{1,8}\d{1,10} [\w.-]{1,100}:\d{1,6}\]/y;
const level =
  /[[(<]?(?:(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|SEVERE|FATAL|CRIT|CRITICAL|PANIC|DPANIC|ALERT|EMERG)(?=[\s\]:|)>,-])|(trace|debug|info|notice|warn|warning|Warning|err|error|fatal|Fatal|crit|critical|alert|emerg)(?=[\]:)>]))[\]:)>]?/y;
const bracketed = /\[[^\]\n]{1,80}\]/y;
const parenthesised = /\([\w:./-]{1,40}\)(?=[:\s])/y;
const named = /[\w.$-]{1,80}\s{1,8}[-|]\s/y;
const spring = /\d{1,10} --- /y;
const logger = /[\w.$:[\]/-]{1,100}\s{0,40}(?: -|:)\s/y;
const pythonLogger = /[\w.]{1,60}:(?=\S)/y;
const between = /[\s:|\]>*-]{1,40}/y;

/** Takes what logs put before a message off a line. A line's own level decides; a word somewhere in the message does not. */
export function strip(text: string): Stripped {
  let at = 0;
  let weight: Weight | null = null;
  for (let turn = 0; turn < 12 && at < text.length; turn += 1) {
    const next = klog.test(startAt(klog, at, text)) ? klog.lastIndex : 0;
    if (next > 0) {
      const letter = text[at];
      weight = letter === "E" ? "error" : letter === "F" ? "fatal" : letter === "W" ? "warning" : "low";
      at = next;
      continue;
    }
    level.lastIndex = at;
    const found = weight === null ? level.exec(text) : null;
    if (found !== null) {
      weight = weightOf(found[1] ?? found[2] ?? "");
      const from = at;
      at = level.lastIndex;
      // Python's own form: `ERROR:root:message`.
      if (from === 0 && text[at - 1] === ":") at = after(text, at, pythonLogger);
      continue;
    }
    const to = after(
      text,
      at,
      time,
      clock,
      syslog,
      bracketed,
      parenthesised,
      spring,
      between,
      ...(weight === null ? [named] : []),
    );
    if (to === at) break;
    at = to;
  }
  // The logger's name comes after the level in most Java and Rust formats; an exception's name has the same form and stays.
  if (weight !== null && at > 0) {
    const to = after(text, at, logger);
    const name = text.slice(at, to);
    if (to > at && /[.:]\w/.test(name) && !/(?:Error|Exception)\s{0,40}:\s$/.test(name)) at = to;
  }
  return { rest: text.slice(at), weight };
}

function startAt(pattern: RegExp, at: number, text: string): string {
  pattern.lastIndex = at;
  return text;
}

function after(text: string, at: number, ...patterns: readonly RegExp[]): number {
  for (const pattern of patterns) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return pattern.lastIndex;
  }
  return at;
}
