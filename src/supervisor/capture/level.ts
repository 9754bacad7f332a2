import type { LogLevel } from "../../model/record.ts";
import { levelOfJSON } from "./level-json.ts";
import { levelNamed, numberedLevel } from "./level-names.ts";

/** How far into a line a level may begin. */
const HEAD = 320;

/**
 * The level that a line says it has: pino's, bunyan's and winston's JSON, logfmt, a syslog priority, or a word where loggers, compilers and
 * people put it: at the beginning, in brackets, or after a time, a place or a name, with the mark behind it that tells it from a sentence's word.
 */
export function levelOfText(text: string): LogLevel | null {
  const first = text.charCodeAt(0);
  if (first === 0x7b) return levelOfJSON(text);
  const head = text.length > HEAD ? text.slice(0, HEAD) : text;
  if (first === 0x3c) {
    const priority = /^<(0|[1-9]\d{0,2})>/.exec(head)?.[1];
    return priority !== undefined && Number(priority) < 192 ? numberedLevel(Number(priority) & 7) : null;
  }
  return ofLogfmt(head) ?? ofWords(head);
}

const time =
  /[[(]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/. ](?:\d\d?|[A-Z][a-z]{2})[-/. ]\d{4}|[A-Z][a-z]{2} {1,2}\d{1,2})?[T ,]{0,2}(?:\d\d?:\d\d(?::\d\d)?(?:[.,:]\d{1,9})?)?(?: ?[AP]M)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?[\])]?/y;

/** Where the words begin, behind the times that stand at `at`. */
function behindTime(head: string, from = 0): number {
  let at = blanks(head, from);
  for (let times = 0; times < 2; times += 1) {
    time.lastIndex = at;
    const found = time.exec(head)?.[0] ?? "";
    // A bracket that holds more than a time is no time.
    if (!/\d/.test(found) || /^[[(]/.test(found) !== /[\])]$/.test(found)) break;
    at = blanks(head, at + found.length);
  }
  return at;
}

function blanks(text: string, at: number): number {
  while (at < text.length && " \t|-:".includes(text[at] ?? "")) at += 1;
  return at;
}

const pair = /([A-Za-z_][\w.@-]*)=(?:"((?:[^"\\]|\\.)*)"?|(\S*))(?: +|$)/y;
const levelKey = /^(?:level|lvl|severity|log\.level|loglevel|levelname)$/i;

/** Pairs from the line's (or its time's) end on: a key amid a sentence is none. */
function ofLogfmt(head: string): LogLevel | null {
  if (!head.includes("=")) return null;
  pair.lastIndex = behindTime(head);
  for (let found = pair.exec(head); found !== null; found = pair.exec(head)) {
    const [, key = "", quoted, plain = ""] = found;
    if (levelKey.test(key)) return levelNamed(quoted ?? plain);
  }
  return null;
}

const word =
  "trace|debug|verbose|silly|info|information|notice|log|warn|warning|error|err|eror|severe|critical|crit|alert|emerg|emergency|fatal|panic|dbg|inf|wrn|ftl|trc|dpanic";
/** In brackets of any kind, at the beginning or behind others: `[WARN]`, `(error)`, `[app] [warn]`, `[12:00:01 INF]`. */
const bracketed = new RegExp(`(?:\\[[^\\]]{0,80}\\]|\\([^)]{0,80}\\))[ \\t]*`, "y");
const inBrackets = new RegExp(`^[[(](?:[^\\])]*\\d:\\d[^\\])]*[\\s|])?(${word})(?:[\\s|:/][^\\])]*)?[\\])]`, "i");
/** `error:`, `warning:`, `error[E0308]:`, `ERROR -`, `WARN/4:`, `INFO  [main]`; a lower-case word needs its colon. */
const marked = new RegExp(
  `(${word})(?:\\[[\\w-]{1,40}\\]|\\([\\w-]{1,40}\\)| [A-Z]{1,6}\\d{1,6}| \\d{1,6})?(?::(?=[\\s:]|$)|/\\d+:)`,
  "iy",
);
const shouted =
  /(TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|CRIT|ALERT|EMERG|FATAL|PANIC|DBG|INF|WRN|ERR|FTL|TRC|DPANIC|TRAC|DEBU|ERRO|FATA|PANI)(?=$|[\s|\]):]|-\s|\[\d)/y;
/** Between tabs or bars: zap's and loguru's columns. */
const inColumn = new RegExp(`(${word})(?=\\t| *\\|)`, "iy");
/** A name of an error or an exception and its colon: `TypeError:`, `java.lang.IllegalStateException:`, `Uncaught Error:`. */
const thrown = /(?:Uncaught |Unhandled |Caused by: )?(?:[\w$]+\.)*[A-Z][\w$]*(?:Error|Exception)(?: \[[A-Z_0-9]+\])?:(?=\s|$)/y;
/** `npm ERR!`, `npm warn`. */
const npm = /(?:npm|pnpm|yarn) (?:(ERR!|error)|(WARN|warn)|(notice))(?=\s|$)/y;
/** What stands before a level in the words of loggers and compilers: a process, a file's place, a logger's name. */
const before =
  /(?:[\w-]{1,40}\.(?=[A-Z]{4,9}:)|\d+:[A-Z] |[\w./@-]*[\w/@-](?:\[\d+\])?:(?:\d+:){0,2}[ \t]+|(?:[\w.-]*[/\\])?[\w.@ -]{1,120}\.\w{1,8}(?::\d+){1,2}:?(?: -)?[ \t]+|\S{1,200}\(\d+(?:,\d+)?\): |[\w.]{1,80} - |\[?\d{1,7}\]? (?:--- )?|\S{1,80} \S{1,80}\[\d+\]: |[IWEFDVT], +|[\w.-]{1,80} +\| )/y;
/** Google's: `E0102 15:04:05.000000  1234 file.go:1] `. */
const glog = /^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s/;

const glogLevels: Readonly<Record<string, LogLevel>> = { I: "info", W: "warn", E: "error", F: "fatal" };

/** Most lines have none of these, which one look tells. */
const anyWord = /tr[ac]|d[eb][bg]|verb|silly|inf|notice|log|w[ar]r?n|err|eror|sever|crit|alert|emerg|fatal|ftl|panic|exception/i;

function ofWords(head: string): LogLevel | null {
  const letter = glog.exec(head)?.[1];
  if (letter !== undefined) return glogLevels[letter] ?? null;
  if (!anyWord.test(head)) return null;
  const level = wordAt(head, blanks(head, 0));
  if (level !== null) return level;
  let at = behindTime(head);
  for (let steps = 0; steps < 6; steps += 1) {
    const here = wordAt(head, at);
    if (here !== null) return here;
    const next = behind(bracketed, head, at) ?? behind(before, head, at);
    if (next === undefined) return null;
    at = behindTime(head, next);
  }
  return null;
}

function wordAt(head: string, at: number): LogLevel | null {
  const opening = head[at];
  if (opening === "[" || opening === "(") {
    const end = behind(bracketed, head, at);
    const name = end === undefined ? undefined : inBrackets.exec(head.slice(at, end))?.[1];
    return name === undefined ? null : levelNamed(name);
  }
  const isColumn = at > 0 && /[\t|] ?$/.test(head.slice(Math.max(0, at - 2), at));
  for (const pattern of isColumn ? [marked, shouted, inColumn] : [marked, shouted]) {
    pattern.lastIndex = at;
    const name = pattern.exec(head)?.[1];
    if (name !== undefined) return levelNamed(name);
  }
  thrown.lastIndex = at;
  if (thrown.test(head)) return "error";
  npm.lastIndex = at;
  const ofNpm = npm.exec(head);
  if (ofNpm !== null) return ofNpm[1] !== undefined ? "error" : ofNpm[2] !== undefined ? "warn" : "info";
  return null;
}

function behind(pattern: RegExp, head: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(head) && pattern.lastIndex > at ? pattern.lastIndex : undefined;
}
