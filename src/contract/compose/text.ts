import type { Place, Placed } from "../source/place.ts";
import { getScalar } from "./build.ts";
import type { MapNode, Node, ScalarNode } from "./node.ts";
import { integerText } from "./yaml-scalar.ts";

/** A scalar as Go prints it, which is how Compose makes texts of numbers, truth values and dates. Null is undefined. */
export function printed(node: ScalarNode): string | undefined {
  const { value } = node;
  if (value === null) return undefined;
  if (typeof value === "string") return node.form === "time" ? printedTime(value) : value;
  if (typeof value === "boolean") return String(value);
  return node.form === "float" ? printedFloat(value) : integerText(node.written, value);
}

function printedFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const [digits = "0", power = "0"] = value.toExponential().split("e");
  const decimals = Number(power);
  if (decimals >= -4 && decimals < 6) return Object.is(value, -0) ? "-0" : String(value);
  return `${digits}e${decimals < 0 ? "-" : "+"}${String(Math.abs(decimals)).padStart(2, "0")}`;
}

function printedTime(stamp: string): string {
  const match = /^(.{10})T(.{8}(?:\.\d+)?)(Z|.{6})$/.exec(stamp);
  if (match === null) return stamp;
  const [, day = "", time = "", zone = "Z"] = match;
  if (zone === "Z") return `${day} ${time} +0000 UTC`;
  const offset = zone.replace(":", "");
  return `${day} ${time} ${offset} ${offset}`;
}

/**
 * The places of the parts of a text that was split at its colons. When variables make the parts unclear, every part stands where the whole text stands.
 */
export function partPlaces(node: ScalarNode, parts: readonly string[]): readonly Place[] {
  const written = splitWritten(node.written);
  const { at } = node;
  const width = at.endColumn - at.column;
  const quotes = width - node.written.length;
  if (at.line !== at.endLine || (quotes !== 0 && quotes !== 2) || written.length !== parts.length) return parts.map(() => at);
  let column = at.column + quotes / 2;
  return written.map((one) => {
    const place = { ...at, column, endColumn: column + one.length };
    column += one.length + 1;
    return place;
  });
}

/** Splits at the colons that are not inside `${…}` or `[…]`. */
function splitWritten(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const character of text) {
    if (character === "{" || character === "[") depth += 1;
    if (character === "}" || character === "]") depth -= 1;
    if (character === ":" && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}

/** A scalar of its own for a part of a text, at its own place. */
export function part(node: ScalarNode, value: string | number, at: Place): ScalarNode {
  return { kind: "scalar", value, at, written: at === node.at ? node.written : String(value), variables: node.variables };
}

export function isText(node: Node | undefined): node is ScalarNode & { readonly value: string } {
  return node?.kind === "scalar" && typeof node.value === "string";
}

/** A text, or what Compose prints of another value, with its place; undefined for null and for what is not there. */
export function placed(node: MapNode, key: string): Placed<string> | undefined {
  const value = getScalar(node, key);
  const text = value === undefined ? undefined : printed(value);
  return value === undefined || text === undefined ? undefined : { value: text, at: value.at };
}
