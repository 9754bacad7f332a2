import type { VariableUse } from "./node.ts";

/** A variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface Substituted {
  readonly text: string;
  readonly variables: readonly VariableUse[];
  /** Variables that are not set and have no default: nothing stands in their place, and Compose warns. */
  readonly blanks: ReadonlySet<string>;
}

/** What one text is read with. */
interface Reading {
  readonly lookup: Lookup;
  readonly variables: VariableUse[];
  readonly blanks: Set<string>;
  /** Characters that may still be looked at. */
  left: number;
}

export class TemplateError extends Error {
  readonly kind: "variable-syntax" | "variable-required" | "too-complex";
  readonly next: string;

  constructor(kind: TemplateError["kind"], message: string, next: string) {
    super(message);
    this.kind = kind;
    this.next = next;
  }
}

const DEEPEST = 100;
/** Characters that may be looked at in all for one text: braces that never close make every one cost the whole rest. */
const BUDGET = 20_000_000;

/** Puts variables into a text as Compose does. Throws a TemplateError for what Compose refuses. */
export function substitute(text: string, lookup: Lookup): Substituted {
  const reading: Reading = { lookup, variables: [], blanks: new Set(), left: BUDGET };
  return { text: text.includes("$") ? replace(text, reading, 0) : text, variables: reading.variables, blanks: reading.blanks };
}

const NAME = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const OPERATOR = /:?[-+?]/y;

function replace(text: string, reading: Reading, depth: number): string {
  if (depth > DEEPEST)
    throw new TemplateError("too-complex", `variables are nested more than ${DEEPEST} deep`, "nest fewer defaults");
  const line = new Line();
  let out = "";
  let from = 0;
  for (;;) {
    const dollar = text.indexOf("$", from);
    if (dollar < 0) return out + text.slice(from);
    out += text.slice(from, dollar);
    const next = text[dollar + 1];
    if (next === "$") {
      out += "$";
      from = dollar + 2;
    } else if (next === "{") {
      const braced = readBraced(text, dollar, line, reading);
      out += valueOf(braced, reading, depth);
      from = braced.end;
    } else {
      const name = match(NAME, text, dollar + 1);
      if (name !== undefined) out += plainValue(name, reading);
      else out += "$";
      from = dollar + 1 + (name?.length ?? 0);
    }
  }
}

/** The end of the line that is being read, looked for once and not for each of its variables. */
class Line {
  #end = -1;
  #lastBrace = -1;

  lastBrace(text: string, at: number): number {
    if (at > this.#end) {
      const newline = text.indexOf("\n", at);
      this.#end = newline < 0 ? text.length : newline;
      this.#lastBrace = text.lastIndexOf("}", this.#end);
    }
    return this.#lastBrace;
  }
}

interface Braced {
  readonly name: string;
  readonly operator: string | undefined;
  readonly argument: string;
  /** Behind the closing brace. */
  readonly end: number;
}

function readBraced(text: string, dollar: number, line: Line, reading: Reading): Braced {
  const name = match(NAME, text, dollar + 2);
  if (name === undefined) throw invalid(text);
  const afterName = dollar + 2 + name.length;
  if (text[afterName] === "}") return { name, operator: undefined, argument: "", end: afterName + 1 };
  const operator = match(OPERATOR, text, afterName);
  if (operator === undefined) throw invalid(text);
  const start = afterName + operator.length;
  const lastBrace = line.lastBrace(text, start);
  // A default may not go over the end of a line.
  if (lastBrace < start) throw invalid(text);
  const closing = closingBrace(text, dollar, lastBrace);
  const end = closing ?? lastBrace;
  reading.left -= end - dollar;
  if (reading.left < 0)
    throw new TemplateError("too-complex", "this text has too many variables to be put in", "write fewer of them");
  return { name, operator, argument: text.slice(start, end), end: end + 1 };
}

/** The brace that closes the first one. What follows right behind an opening brace is not looked at: Compose skips it. */
function closingBrace(text: string, from: number, last: number): number | undefined {
  let open = 0;
  for (let index = from; index <= last; index += 1) {
    if (text[index] === "}") {
      open -= 1;
      if (open === 0) return index;
    }
    if (text[index] === "{") {
      open += 1;
      index += 1;
    }
  }
  return undefined;
}

function valueOf(braced: Braced, reading: Reading, depth: number): string {
  const { name, operator } = braced;
  if (operator === undefined) return plainValue(name, reading);
  const value = reading.lookup(name);
  reading.variables.push({ name, unset: value === undefined });
  const argument = replace(braced.argument, reading, depth + 1);
  const given = value !== undefined && (!operator.startsWith(":") || value !== "");
  if (operator.endsWith("-")) return given ? value : argument;
  if (operator.endsWith("+")) return given ? argument : (value ?? "");
  if (given) return value;
  const why = argument === "" ? "" : `: ${argument}`;
  throw new TemplateError(
    "variable-required",
    `the variable ${name} must have a value${why}`,
    `set ${name} in the environment or in .env`,
  );
}

function plainValue(name: string, { lookup, variables, blanks }: Reading): string {
  const value = lookup(name);
  variables.push({ name, unset: value === undefined });
  if (value === undefined) blanks.add(name);
  return value ?? "";
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function invalid(text: string): TemplateError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new TemplateError(
    "variable-syntax",
    `${JSON.stringify(shown)} has a variable that Compose cannot read`,
    "write ${NAME}, or $$ for a dollar sign",
  );
}
