import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AnySchema, ErrorObject, ValidateFunction } from "ajv";
import type { Place } from "../source/place.ts";
import type { MapNode, Node } from "./node.ts";
import { plain, plainText } from "./plain.ts";
import type { Plain } from "./plain.ts";
import { Refusal } from "./problem.ts";
import type { ComposeProblem } from "./project.ts";

let validator: Promise<ValidateFunction> | undefined;

/** Refuses a document that is not of the Compose specification's schema, with the place of every value that is wrong. */
export async function validate(root: MapNode): Promise<void> {
  // Compiling the schema takes longer than reading a file, so it is done once and only when there is a file.
  const check = await (validator ??= compile());
  if (check(plain(root))) return;
  throw new Refusal(problems(root, check.errors ?? []));
}

async function compile(): Promise<ValidateFunction> {
  const path = createRequire(import.meta.url).resolve("#compose-spec");
  const [{ Ajv }, text] = await Promise.all([import("ajv"), readFile(path, "utf8")]);
  const schema = JSON.parse(text) as AnySchema & { $schema?: string };
  // The schema says draft 2020-12 or 7 by release, and uses what both have.
  delete schema.$schema;
  // A check of one file waits for this longer than for all else: what makes the code smaller and faster afterwards costs more than it brings.
  const quick = { code: { optimize: false }, inlineRefs: false, meta: false, validateSchema: false } as const;
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: false, validateFormats: true, unicodeRegExp: false, ...quick });
  // Its own keyword compares every item with every other, and calls what a file names `valueOf`.
  ajv.removeKeyword("uniqueItems");
  ajv.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    error: { message: "must not hold an item twice" },
    validate: hasUniqueItems,
  });
  ajv.addFormat("duration", DURATION);
  for (const format of ["expose", "ports", "subnet_ip_address"]) ajv.addFormat(format, true);
  return ajv.compile(schema);
}

function hasUniqueItems(wanted: boolean, items: readonly Plain[]): boolean {
  return !wanted || new Set(items.map(plainText)).size === items.length;
}

const DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Of the errors of all branches, those that lie deepest: the others only say that a branch was not taken. */
function problems(root: MapNode, errors: readonly ErrorObject[]): ComposeProblem[] {
  const depth = (error: ErrorObject): number =>
    error.instancePath.split("/").length + (error.keyword === "additionalProperties" ? 1 : 0);
  const telling = errors.filter((error) => !["oneOf", "anyOf", "if"].includes(error.keyword));
  const told = telling.length > 0 ? telling : errors;
  const deepest = new Map<string, ErrorObject[]>();
  for (const error of told) {
    const where = error.instancePath.split("/").slice(0, 4).join("/");
    const others = deepest.get(where) ?? [];
    const best = others[0] === undefined ? 0 : depth(others[0]);
    if (depth(error) > best) deepest.set(where, [error]);
    else if (depth(error) === best) deepest.set(where, [...others, error]);
  }
  return [...deepest.values()].map((same) => problem(root, same));
}

function problem(root: MapNode, errors: readonly ErrorObject[]): ComposeProblem {
  const [first] = errors;
  const path = first === undefined ? [] : pathOf(first);
  const extra = first?.keyword === "additionalProperties" ? String(first.params["additionalProperty"]) : undefined;
  const name = path.join(".") || "the file";
  const said =
    extra === undefined
      ? `${name} ${expectations(errors)}`
      : `${name} has ${JSON.stringify(extra)}, which Compose does not know there`;
  const next =
    extra === undefined ? "write it as the Compose specification has it" : "take it out, or mend its spelling or indentation";
  return {
    unreadable: true,
    kind: "schema",
    message: said,
    next,
    at: placeOf(root, extra === undefined ? path : [...path, extra], extra !== undefined),
  };
}

function pathOf(error: ErrorObject): string[] {
  return error.instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function expectations(errors: readonly ErrorObject[]): string {
  const types = new Set(
    errors.filter((error) => error.keyword === "type").flatMap((error) => String(error.params["type"]).split(",")),
  );
  if (types.size > 0) return `must be ${[...types].map((type) => WORDS[type] ?? type).join(" or ")}`;
  const [first] = errors;
  if (first?.keyword === "enum") return `must be one of ${JSON.stringify(first.params["allowedValues"])}`;
  return first?.message ?? "is not what Compose takes";
}

const WORDS: Readonly<Record<string, string>> = {
  object: "a mapping",
  array: "a list",
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  null: "empty",
};

/** Where the value of a path stands, or its key; of a path that goes on beyond the document, the last value that is there. */
function placeOf(root: Node, path: readonly string[], key: boolean): Place {
  let node = root;
  let at = root.at;
  for (const [index, part] of path.entries()) {
    if (node.kind === "map") {
      const entry = node.entries.get(part);
      if (entry === undefined) break;
      node = entry.value;
      at = key && index === path.length - 1 ? entry.key : node.at;
    } else if (node.kind === "list") {
      const item = node.items[Number(part)];
      if (item === undefined) break;
      node = item;
      at = node.at;
    } else break;
  }
  return at;
}
