/**
 * What a process would get from the text of an env file, by name; undefined when the program refuses the file. Each reader does what its program
 * does, so that what was written can be held against it: the tests run both over the same texts.
 */
export type EnvFileReader = (text: string) => ReadonlyMap<string, string> | undefined;

/** Go's `unicode.IsSpace`, less than JavaScript's `\s`. */
const goSpaces = " \\t\\n\\v\\f\\r\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const trailingGoSpaces = new RegExp(`[${goSpaces}]+$`, "u");
const leadingBlanks = /^[\t\v\f\r \u0085\u00a0]+/u;

/** Docker Compose v2 (compose-go's dotenv). Variables are taken as unset: a text that refers to one is never what is written. */
export const readDotenvGo: EnvFileReader = (text) => {
  const values = new Map<string, string>();
  let rest = text.replace(/^\ufeff/, "");
  for (;;) {
    rest = rest.replace(new RegExp(`^[${goSpaces}]+`, "u"), "");
    if (rest === "") return values;
    if (rest.startsWith("#")) {
      rest = rest.slice(rest.indexOf("\n") === -1 ? rest.length : rest.indexOf("\n"));
      continue;
    }
    const [, name] = /^([A-Za-z0-9_.-]+)=/.exec(rest) ?? [];
    if (name === undefined) return undefined;
    rest = rest.slice(name.length + 1).replace(leadingBlanks, "");
    const quoted = readGoQuoted(rest);
    if (quoted === undefined) return undefined;
    const value = quoted.interpolates ? interpolateGo(quoted.value) : quoted.value;
    if (value === undefined) return undefined;
    values.set(name, value);
    rest = quoted.rest;
  }
};

function readGoQuoted(
  text: string,
): { readonly value: string; readonly interpolates: boolean; readonly rest: string } | undefined {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") {
    const end = text.indexOf("\n");
    const line = end === -1 ? text : text.slice(0, end);
    const value = (line.split(" #", 1)[0] ?? "").replace(trailingGoSpaces, "");
    return { value, interpolates: true, rest: end === -1 ? "" : text.slice(end + 1) };
  }
  let value = "";
  let escaped = false;
  for (let index = 1; index < text.length; index += 1) {
    const character = text[index] ?? "";
    if (character === quote && !escaped) {
      return { value: quote === '"' ? unescapeGo(value) : value, interpolates: quote === '"', rest: text.slice(index + 1) };
    }
    if (character === "\\" && !escaped) {
      escaped = true;
      continue;
    }
    if (escaped && character !== quote) value += "\\";
    escaped = false;
    value += character;
  }
  return undefined;
}

const goEscapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  $: "$$",
};

function unescapeGo(text: string): string {
  return text.replaceAll(/\\([abcfnrtv$"\\]|0\d{0,3})/g, (match, letter: string) => goEscapes[letter] ?? match);
}

/** `$$` is a dollar sign; undefined for a variable, and for a dollar sign that the program refuses. */
function interpolateGo(text: string): string | undefined {
  let unclear = false;
  const value = text.replaceAll(/\$(\$|)/g, (_, second: string) => {
    if (second === "") unclear = true;
    return "$";
  });
  return unclear ? undefined : value;
}

/** Pieces of a line as python-dotenv takes them one after the other; it never goes back on one that it took. */
const pythonPieces = {
  export: /(?:export[^\S\r\n]+)?/uy,
  name: /[^=#\s']+/uy,
  equals: /[^\S\r\n]*=[^\S\r\n]*/uy,
  single: /'((?:\\'|[^'])*)'/uy,
  double: /"((?:\\"|[^"])*)"/uy,
  unquoted: /([^\r\n]*)/uy,
  end: /(?:[^\S\r\n]*#[^\r\n]*)?[^\S\r\n]*(?:\n|$)/uy,
} as const;

/** docker-compose 1.29 and newer podman-compose (python-dotenv), with variables taken as unset. */
export const readDotenvPython: EnvFileReader = (text) => {
  const values = new Map<string, string>();
  // Python opens text files with every kind of line break turned into one.
  const source = text.replace(/^\ufeff/, "").replaceAll(/\r\n?/g, "\n");
  let at = 0;
  const take = (piece: keyof typeof pythonPieces): string | undefined => {
    const pattern = pythonPieces[piece];
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match) at = pattern.lastIndex;
    return match?.[1] ?? match?.[0];
  };
  for (;;) {
    at += /^\s*/u.exec(source.slice(at))?.[0].length ?? 0;
    if (at >= source.length) return values;
    if (source[at] === "#") {
      if (take("end") === undefined) return undefined;
      continue;
    }
    take("export");
    const name = take("name");
    if (name === undefined || take("equals") === undefined) return undefined;
    const quote = source[at];
    const value = quote === "'" ? take("single") : quote === '"' ? take("double") : take("unquoted");
    if (value === undefined || take("end") === undefined) return undefined;
    values.set(name, interpolatePython(unescapePython(value, quote)));
  }
};

function unescapePython(text: string, quote: string | undefined): string {
  if (quote === "'") return text.replaceAll(/\\([\\'])/g, "$1");
  if (quote === '"') return text.replaceAll(/\\([\\'"abfnrtv])/g, (_, letter: string) => goEscapes[letter] ?? letter);
  return text.replace(/\s+#.*/u, "").trimEnd();
}

/** podman-compose from 1.2 on: python-dotenv, then `podman -e NAME=value`, which loses a carriage return before a line break. */
export const readPodmanCompose: EnvFileReader = (text) => {
  const values = readDotenvPython(text);
  return values && new Map([...values].map(([name, value]) => [name, value.replaceAll("\r\n", "\n")]));
};

/** `${NAME}` is empty and `${NAME:-default}` its default, since no variable is set; a bare `$NAME` and `$$` stay as they are. */
function interpolatePython(text: string): string {
  return text.replaceAll(/\$\{[^}:]*(?::-([^}]*))?\}/g, (_, byDefault: string | undefined) => byDefault ?? "");
}

/** The engine's longest line in an env file: Go's scanner gives up beyond it. */
const LONGEST_LINE = 64 * 1024 - 1;

/**
 * The engines' own form: all after the first `=`, without escapes. Podman reads it so to 4.4, to which podman-compose 1.0 hands the file, and Docker Compose
 * with `format: raw`.
 */
export const readRawEnvFile: EnvFileReader = (text) => {
  const values = new Map<string, string>();
  for (const scanned of text.split("\n")) {
    // The scanner takes a carriage return before the line break for a part of it.
    const line = scanned.replace(/\r$/, "").replace(/^[ \t]+/, "");
    if (Buffer.byteLength(line) > LONGEST_LINE) return undefined;
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    if (at <= 0 || /\s/.test(line.slice(0, at))) return undefined;
    values.set(line.slice(0, at), line.slice(at + 1));
  }
  return values;
};
