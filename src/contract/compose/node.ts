import type { Place } from "../source/place.ts";

/**
 * A Compose document after everything that Compose itself does to it (interpolation, anchors, merge keys, `extends`, `include`, overrides), each value
 * with the place that decided it. Of a value that came out of a merge, that is where the winning value stands.
 */
export type Node = ScalarNode | MapNode | ListNode;

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly at: Place;
  /** The text before interpolation, as the file has it without quotes: `${PORT:-80}`. */
  readonly written: string;
  /** The variables that stand in `written`. */
  readonly variables: readonly VariableUse[];
  /** A number with a point or an exponent, and a date: Compose writes both in its own way where it needs a text. */
  readonly form?: "float" | "time";
  /** Of `KEY=value` that was made of a mapping: its two halves. */
  readonly pair?: { readonly key: Place; readonly value: ScalarNode };
}

export interface VariableUse {
  readonly name: string;
  /** Nothing gave it a value: the default was taken, or nothing. */
  readonly unset: boolean;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly at: Place;
}

export interface MapEntry {
  readonly key: Place;
  readonly value: Node;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly at: Place;
}
