import type { VariableUse } from "./node.ts";

/** A variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface Substituted {
  readonly text: string;
  readonly variables: readonly VariableUse[];
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
  if (!text.includes("$")) return { text, variables: [] };
  const variables: VariableUse[] = [];
  const budget = { left: BUDGET };
  return { text: replace(text, lookup, variables, 0, budget), variables };
}

const NAME = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const OPERATOR = /:?[-+?]/y;

function replace(text: string, lookup: Lookup, variables: VariableUse[], depth: number, budget: { left: number }): string {
  if (depth > DEEPEST)
    throw new TemplateError("too-complex", `variables are nested more than ${DEEPEST} deep`, "nest fewer defaults");
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
      const braced = readBraced(text, dollar, budget);
      out += valueOf(braced, lookup, variables, depth, budget);
      from = braced.end;
    } else {
      const name = match(NAME, text, dollar + 1);
      if (name !== undefined) out += plainValue(name, lookup, variables);
      else out += "$";
      from = dollar + 1 + (name?.length ?? 0);
    }
  }
}

interface Braced {
  readonly name: string;
  readonly operator: string | undefined;
  readonly argument: string;
  /** Behind the closing brace. */
  readonly end: number;
}

function readBraced(text: string, dollar: number, budget: { left: number }): Braced {
  const name = match(NAME, text, dollar + 2);
  if (name === undefined) throw invalid(text);
  const afterName = dollar + 2 + name.length;
  if (text[afterName] === "}") return { name, operator: undefined, argument: "", end: afterName + 1 };
  const operator = match(OPERATOR, text, afterName);
  if (operator === undefined) throw invalid(text);
  const start = afterName + operator.length;
  const newline = text.indexOf("\n", start);
  const lastBrace = text.lastIndexOf("}", newline < 0 ? text.length : newline);
  budget.left -= (newline < 0 ? text.length : newline) - start;
  if (budget.left < 0)
    throw new TemplateError("too-complex", "this text has too many variables to be put in", "write fewer of them");
  // A default may not go over the end of a line.
  if (lastBrace < start) throw invalid(text);
  const closing = closingBrace(text, dollar, lastBrace);
  const end = closing ?? lastBrace;
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

function valueOf(braced: Braced, lookup: Lookup, variables: VariableUse[], depth: number, budget: { left: number }): string {
  const { name, operator } = braced;
  if (operator === undefined) return plainValue(name, lookup, variables);
  const value = lookup(name);
  variables.push({ name, unset: value === undefined });
  const argument = replace(braced.argument, lookup, variables, depth + 1, budget);
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

function plainValue(name: string, lookup: Lookup, variables: VariableUse[]): string {
  const value = lookup(name);
  variables.push({ name, unset: value === undefined });
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
