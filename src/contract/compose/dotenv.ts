import type { Lookup } from "./template.ts";
import { substitute } from "./template.ts";

export class DotenvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const SPACE = /[\t\v\f\r \u0085\u00a0]/;
const NAME_CHARACTER = /[\p{L}\p{N}_.\-[\]]/u;

/**
 * Reads an env file as Compose's own parser does: `export`, quotes, values of several lines, comments behind a space, and variables, which are looked up
 * with `lookup` first and then among the names above. Throws a DotenvError with the line, or a TemplateError.
 */
export function parseDotenv(source: string, lookup: Lookup): Map<string, string> {
  const values = new Map<string, string>();
  const text = source.startsWith("\uFEFF") ? source.slice(1) : source;
  const expand = (value: string): string => substitute(value, (name) => lookup(name) ?? values.get(name)).text;
  let at = statementStart(text, 0);
  while (at < text.length) {
    const key = readKey(text, at);
    at = skip(text, key.end);
    if (key.inherited) {
      const value = lookup(key.name);
      if (value !== undefined) values.set(key.name, value);
    } else {
      const read = readValue(text, at, expand);
      values.set(key.name, read.value);
      at = read.end;
    }
    at = statementStart(text, at);
  }
  return values;
}

/** Behind white space and whole lines of comment. */
function statementStart(text: string, from: number): number {
  let at = from;
  for (;;) {
    while (at < text.length && /\s|\u0085/.test(text[at] ?? "")) at += 1;
    if (text[at] !== "#") return at;
    const end = text.indexOf("\n", at);
    if (end < 0) return text.length;
    at = end;
  }
}

function skip(text: string, from: number): number {
  let at = from;
  while (at < text.length && SPACE.test(text[at] ?? "")) at += 1;
  return at;
}

interface Key {
  readonly name: string;
  readonly end: number;
  /** A name alone on its line: the value is the environment's. */
  readonly inherited: boolean;
}

function readKey(text: string, from: number): Key {
  const exported = /export\s+/y;
  exported.lastIndex = from;
  const start = exported.test(text) ? skip(text, from + "export".length) : from;
  for (let at = start; at < text.length; at += 1) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (SPACE.test(character)) continue;
    if (character === "=" || character === ":" || character === "\n") {
      const name = text.slice(start, at).trimEnd();
      if (name.includes(" ")) throw new DotenvError(lineOf(text, at), "a name cannot have a space in it");
      return { name, end: at + 1, inherited: character === "\n" };
    }
    if (!NAME_CHARACTER.test(character)) {
      throw new DotenvError(lineOf(text, at), `a name cannot have ${JSON.stringify(character)} in it`);
    }
    at += character.length - 1;
  }
  if (start >= text.length) throw new DotenvError(lineOf(text, start), "there is no name behind export");
  // A last line without an end of line is read as the name of an empty value.
  return { name: "", end: start, inherited: false };
}

function readValue(
  text: string,
  from: number,
  expand: (value: string) => string,
): { readonly value: string; readonly end: number } {
  const quote = text[from];
  if (quote !== '"' && quote !== "'") {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(from, end);
    const comment = line.indexOf(" #");
    return { value: expand((comment < 0 ? line : line.slice(0, comment)).trimEnd()), end: end + 1 };
  }
  let value = "";
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === quote) return { value: quote === '"' ? expand(unescape(value)) : value, end: at + 1 };
    if (character === "\\" && at + 1 < text.length) {
      at += 1;
      const escaped = text[at] ?? "";
      value += escaped === quote ? escaped : `\\${escaped}`;
    } else {
      value += character;
    }
  }
  throw new DotenvError(lineOf(text, from), `the value that begins with ${quote} never ends`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  '"': '"',
  "\\": "\\",
  $: "$$",
};

function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:([abcfnrtv$"\\])|0(\d{0,3}))/g,
    (match: string, letter: string | undefined, octal: string | undefined) => {
      if (letter !== undefined) return ESCAPES[letter] ?? match;
      // Go takes exactly three octal digits.
      return octal !== undefined && /^[0-3][0-7]{2}$/.test(octal) ? String.fromCodePoint(Number.parseInt(octal, 8)) : match;
    },
  );
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
