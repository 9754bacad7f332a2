import type { LogLevel } from "../../model/record.ts";
import { levelNamed, numberedLevel } from "./level-names.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The object's own keys that may hold a level; the first of them in the line that does counts. */
const keys: ReadonlySet<string> = new Set([
  "level",
  "lvl",
  "severity",
  "levelname",
  "log.level",
  "loglevel",
  "levelName",
  "logLevel",
  "Level",
  "@l",
]);

/** The level of a line that is a JSON object, or the beginning of one: of its own, not of what it tells about. */
export function levelOfJSON(text: string): LogLevel | null {
  let depth = 0;
  let expectsKey = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(text, at);
      if (end === undefined) return null;
      if (expectsKey && depth === 1) {
        expectsKey = false;
        if (keys.has(text.slice(at + 1, end))) {
          const level = valueAfter(text, end + 1);
          if (level !== null) return level;
        }
      }
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      expectsKey = code === 0x7b;
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
      if (depth === 0) return null;
    } else if (code === 0x2c) {
      expectsKey = depth === 1;
    }
  }
  return null;
}

/** Where the string's closing quote stands. */
function stringEnd(text: string, opening: number): number | undefined {
  let end = opening;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return undefined;
    let slashes = end;
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes -= 1;
    if ((end - slashes) % 2 === 0) return end;
  }
}

const value = /\s*:\s*(?:"([^"\\]{1,32})"|(\d{1,6})(?=[\s,}]|$))/y;

function valueAfter(text: string, at: number): LogLevel | null {
  value.lastIndex = at;
  const found = value.exec(text);
  if (found === null) return null;
  const [, name, number] = found;
  return name === undefined ? numberedLevel(Number(number)) : (levelNamed(name) ?? named(name));
}

/** Numbers are sometimes written as text. */
function named(name: string): LogLevel | null {
  return /^\d{1,6}$/.test(name) ? numberedLevel(Number(name)) : null;
}
