import { hash } from "node:crypto";
import type { ErrorCategory } from "../../model/record.ts";
import type { Frame } from "./frames.ts";

/** What of a message counts; what comes after it seldom tells errors apart and often holds data. */
const MESSAGE = 400;
/** The innermost frames of the program's own code: fewer would put different errors together, more would take a caller's change for a new error. */
const FRAMES = 3;

/**
 * The same for errors that differ in numbers, ids, times, addresses and directories only; the line numbers of frames do not count, so that
 * an edit elsewhere in the file makes no new error.
 */
export function fingerprintOf(error: {
  readonly name: string;
  readonly message: string;
  readonly category: ErrorCategory;
  readonly causes: readonly string[];
  readonly frames: readonly Frame[];
}): string {
  const own = error.frames.some((frame) => frame.own) ? error.frames.filter((frame) => frame.own) : error.frames;
  const places: string[] = [];
  for (const frame of own) {
    const place = `${withoutNumbers(frame.call)}@${withoutNumbers(baseName(frame.file))}`;
    // A recursion's depth is a number, too.
    if (place !== places.at(-1)) places.push(place);
    if (places.length === FRAMES) break;
  }
  return hash(
    "sha256",
    JSON.stringify([error.name, normalize(error.message, error.category, error.name), error.causes, places]),
  ).slice(0, 16);
}

/** In these a quoted word is a name in the program, in others a value. */
const structural: ReadonlySet<ErrorCategory> = new Set(["type", "syntax", "import", "build", "database"]);
const namesNames = /Key|Name|Reference|Attribute|Local/;

export function normalize(message: string, category: ErrorCategory, name = ""): string {
  const keeps = structural.has(category);
  return message
    .slice(0, MESSAGE)
    .replace(/\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'`<>]+/gi, (url) => (keeps && url.startsWith("file:") ? baseName(url) : "<url>"))
    .replace(/"([^"]{0,200})"|'([^']{0,200})'|`([^`]{0,200})`/g, (whole, double?: string, single?: string, back?: string) => {
      const inner = double ?? single ?? back ?? "";
      if (keeps) return `'${tokens(inner, true)}'`;
      // What a panic quotes is mostly the message of an error that nobody took.
      if (category === "panic" && inner.includes(" ")) return `'${tokens(inner, false)}'`;
      return namesNames.test(name) && /^[A-Za-z_$][A-Za-z_$.]{0,60}$/.test(inner) ? whole : "<text>";
    })
    .replace(/\s+/g, " ")
    .split(/(<text>)/)
    .map((part) => (part === "<text>" ? part : tokens(part, keeps)))
    .join("")
    .trim();
}

function tokens(text: string, keepsNames: boolean): string {
  return text.replace(/[^\s"'`()[\]{}<>,;=]+/g, (token) => tokenOf(token, keepsNames));
}

function tokenOf(token: string, keepsNames: boolean): string {
  if (/^[\w.+-]{1,100}@[\w-]{1,100}\.[\w.-]{1,100}$/.test(token)) return "<email>";
  if (token.includes("/") && /[\w.~@-]\/|\/[\w.~@-]/.test(token))
    return keepsNames ? withoutNumbers(packageName(token)) : "<path>";
  if (/^[A-Za-z]:\\/.test(token)) return "<path>";
  if (!/\d/.test(token)) return /^:{2,3}$/.test(token) ? "<ip>" : token;
  // Codes of compilers and systems are names that happen to have digits.
  if (/^(?:TS\d{4,5}|E\d{4}|[A-Z]{2,}_[A-Z0-9_]{0,60}[A-Z]|[A-Z]+\d{0,3}_[A-Z_]{2,60}):?$/.test(token)) return token;
  return withoutNumbers(token);
}

const ids = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, "<id>"],
  [/0x[0-9a-f]+/gi, "<n>"],
  [/\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, "<time>"],
  [/\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?/g, "<time>"],
  [/\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d{1,5})?/g, "<ip>"],
] as const;

function withoutNumbers(token: string): string {
  if (!/\d/.test(token)) return token;
  let text = token;
  for (const [pattern, sign] of ids) text = text.replace(pattern, sign);
  // IPv6: hexadecimal groups with at least two colons.
  if (/^[0-9a-f:]{2,45}(?:%\w{1,20})?\]?(?::\d{1,5})?$/i.test(text) && text.split(":").length > 2) return "<ip>";
  return (
    text
      .replace(/[A-Za-z0-9_-]{8,}/g, (word) => (isRandom(word) ? "<id>" : word))
      // A sign belongs to its number only where nothing stands before it.
      .replace(/(?:(?<![\w>])-)?\d+(?:[.,:]\d+)*/g, "<n>")
  );
}

/** Hexadecimal, or letters and digits mixed without a pattern that a word would have. */
function isRandom(word: string): boolean {
  // A number is one however long it is.
  if (!/\d/.test(word) || /^\d+$/.test(word)) return false;
  if (/^[0-9a-f]{8,}$/i.test(word)) return true;
  const changes = word.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])|[a-z](?=[A-Z])/g)?.length ?? 0;
  return changes >= 4 || (word.length >= 16 && changes >= 3);
}

/** The last part of a path or URL, without a line's and column's number and without what a query adds. */
function baseName(path: string): string {
  const file = path.replace(/[?#].*$/, "").replace(/(?::\d+){1,2}$/, "");
  const base = file.slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
  // What bundlers put between a file's name and its ending.
  return base.replace(/[.-]([A-Za-z0-9_-]{8,12})(?=\.[a-z]{1,5}$)/, (whole, mark: string) =>
    /\d|[a-z][A-Z]/.test(mark) ? "" : whole,
  );
}

/** A package is its whole name, a file its last part. */
function packageName(path: string): string {
  if (/^@[\w.-]{1,80}\/[\w./-]{1,120}$/.test(path) || /^[a-z][\w.-]{0,60}\/[\w.-]{1,60}$/.test(path)) return path;
  return baseName(path);
}
