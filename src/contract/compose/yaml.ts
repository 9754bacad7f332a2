import { LineCounter } from "yaml";
import type { Document, Node as YAMLNode } from "yaml";
import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Place, SourceFile } from "../source/place.ts";
import { isNull, list } from "./build.ts";
import type { MapEntry, MapNode, Node } from "./node.ts";
import { parseLenient } from "./lenient-parser.ts";
import { nestsDeeperAt } from "./nesting.ts";
import { fileStart, refuse, Refusal } from "./problem.ts";
import { resolvePlain } from "./yaml-scalar.ts";
import type { ResolvedScalar } from "./yaml-scalar.ts";

/** One document of a file, before interpolation. */
export interface ParsedDocument {
  readonly root: Node;
  /** Where `!reset` and `!override` stand, as keys from the root: what files before this one have there is dropped. */
  readonly resets: readonly (readonly string[])[];
}

/** Deeper nesting is refused: nothing that Compose knows nests even near to it. */
const DEEPEST = 500;
/** Documents of one file, which are merged one after the other. */
const MOST_DOCUMENTS = 50;
/** How many values aliases may add to those that are written. */
const ALIAS_GROWTH = 200_000;

/** Reads YAML as yaml.v3 does. Refuses what that parser refuses, and aliases that explode. */
export function parseYAML(source: SourceFile): ParsedDocument[] {
  const lines = new LineCounter();
  const documents = readDocuments(source, lines);
  return documents.map((document) => new Reader(source, lines, document).read());
}

function readDocuments(source: SourceFile, lines: LineCounter): Document.Parsed[] {
  if (nestsDeeperAt(source.text, DEEPEST) !== undefined) tooDeep(fileStart(source.path));
  // Lines of a text may begin so too, which is why many more are let through before they are parsed.
  if (source.text.match(/^---/gm)?.[MOST_DOCUMENTS * 20] !== undefined) tooMany(source);
  try {
    const documents = parseLenient(source.text, lines);
    if (documents.length > MOST_DOCUMENTS) tooMany(source);
    return documents;
  } catch (error) {
    if (error instanceof RangeError) tooDeep(fileStart(source.path));
    throw error;
  }
}

function tooMany(source: SourceFile): never {
  refuse("too-complex", fileStart(source.path), `the file has more than ${MOST_DOCUMENTS} documents`, "write fewer of them");
}

function tooDeep(at: Place): never {
  refuse("too-deep", at, `values are nested more than ${DEEPEST} levels deep`, "write the file flatter");
}

interface Anchored {
  readonly node: Node;
  readonly size: number;
  readonly resets: readonly (readonly string[])[];
}

class Reader {
  readonly #source: SourceFile;
  readonly #lines: LineCounter;
  readonly #document: Document.Parsed;
  readonly #anchors = new Map<string, Anchored | "open">();
  #resets: (readonly string[])[] = [];
  #size = 0;
  #written = 0;

  constructor(source: SourceFile, lines: LineCounter, document: Document.Parsed) {
    this.#source = source;
    this.#lines = lines;
    this.#document = document;
  }

  read(): ParsedDocument {
    const [error] = this.#document.errors;
    if (error !== undefined) {
      const message = error.message.split("\n", 1)[0] ?? error.message;
      // The parser tells of a stack that is used up as of any other mistake in the file.
      if (message.includes("call stack")) tooDeep(this.#place(error.pos[0], error.pos[0]));
      refuse("yaml-syntax", this.#place(error.pos[0], error.pos[1]), `not valid YAML: ${message}`, "mend the YAML at this place");
    }
    const { contents } = this.#document;
    const root = contents === null ? nothing(this.#place(0, 0)) : (this.#node(contents, [], 0) ?? nothing(this.#place(0, 0)));
    return { root, resets: this.#resets };
  }

  #place(start: number, end: number): Place {
    const { line, col } = this.#lines.linePos(start);
    const last = this.#lines.linePos(Math.max(start, end));
    return {
      file: this.#source.path,
      line: Math.max(1, line),
      column: Math.max(1, col),
      endLine: last.line,
      endColumn: Math.max(1, last.col),
    };
  }

  #placeOf(node: YAMLNode): Place {
    const [start, end] = node.range ?? [0, 0, 0];
    return this.#place(start, end);
  }

  /** Undefined for what `!reset` takes away. */
  #node(node: YAMLNode, path: readonly string[], depth: number): Node | undefined {
    if (depth > DEEPEST) tooDeep(this.#placeOf(node));
    this.#size += 1;
    this.#written += 1;
    if (isAlias(node)) return this.#alias(node.source, this.#placeOf(node), path);
    const anchor = "anchor" in node ? node.anchor : undefined;
    if (anchor === undefined) return this.#tagged(node, path, depth);
    this.#anchors.set(anchor, "open");
    const before = this.#size;
    const resetsBefore = this.#resets.length;
    const value = this.#tagged(node, path, depth);
    const resets = this.#resets.slice(resetsBefore).map((reset) => reset.slice(path.length));
    if (value === undefined) this.#anchors.delete(anchor);
    else this.#anchors.set(anchor, { node: value, size: this.#size - before, resets });
    return value;
  }

  #alias(name: string, at: Place, path: readonly string[]): Node | undefined {
    const anchored = this.#anchors.get(name);
    if (anchored === undefined)
      refuse("yaml-alias", at, `nothing is anchored as &${name} before this alias`, `anchor a value with &${name} above`);
    if (anchored === "open")
      refuse("alias-cycle", at, `the value anchored as &${name} holds itself`, "take the alias out of its own anchor");
    this.#size += anchored.size;
    if (this.#size > this.#written + ALIAS_GROWTH) {
      refuse(
        "alias-bomb",
        at,
        `aliases blow this document up by more than ${ALIAS_GROWTH} values`,
        "use fewer aliases of aliases",
      );
    }
    for (const reset of anchored.resets) this.#resets.push([...path, ...reset]);
    return anchored.node;
  }

  #tagged(node: YAMLNode, path: readonly string[], depth: number): Node | undefined {
    const tag = "tag" in node ? node.tag : undefined;
    if (tag === "!reset") {
      this.#resets.push(path);
      return undefined;
    }
    if (tag === "!override") this.#resets.push(path);
    if (isMap(node)) return this.#map(node.items, this.#placeOf(node), path, depth);
    if (isSeq(node)) {
      const items: Node[] = [];
      for (const [index, item] of node.items.entries()) {
        const value = this.#node(item as YAMLNode, [...path, String(index)], depth + 1);
        if (value !== undefined) items.push(value);
      }
      return list(items, this.#placeOf(node));
    }
    if (isScalar(node)) return this.#scalar(node, tag);
    return nothing(this.#placeOf(node));
  }

  #scalar(node: YAMLNode & { readonly value: unknown; readonly type?: string | undefined }, tag: string | undefined): Node {
    const text = typeof node.value === "string" ? node.value : "";
    const at = this.#placeOf(node);
    // Compose decodes it: a user or a mount that nobody who reads the file sees. So it is refused here, as hidden line breaks are.
    if (tag !== undefined && /^(?:!!|tag:yaml\.org,2002:)binary$/.test(tag))
      refuse("yaml-tag", at, "a value in base64 (!!binary) is not what the file shows", "write the value itself");
    // A tag that yaml.v3 does not know leaves a text, `!override` among them.
    const plain = tag === undefined ? node.type === undefined || node.type === "PLAIN" : CORE_TAGS.test(tag);
    if (!plain) return { kind: "scalar", value: text, at, written: text, variables: [] };
    const resolved = resolvePlain(text);
    if (tag !== undefined && !fitsTag(tag, resolved))
      refuse("yaml-tag", at, `${JSON.stringify(text)} is no ${tag.replace("tag:yaml.org,2002:", "!!")}`, "take the tag out");
    return { kind: "scalar", at, written: text, variables: [], ...resolved };
  }

  #map(pairs: readonly { key: unknown; value: unknown }[], at: Place, path: readonly string[], depth: number): MapNode {
    const entries = new Map<string, MapEntry>();
    const merges: Node[] = [];
    const seen = new Map<string, Place>();
    for (const pair of pairs) {
      const key = pair.key as YAMLNode;
      const keyPlace = this.#placeOf(key);
      const name = this.#key(key, keyPlace);
      const merging = name === "<<" && isScalar(key) && (key.type === undefined || key.type === "PLAIN");
      const value =
        pair.value === null ? nothing(keyPlace) : this.#node(pair.value as YAMLNode, merging ? path : [...path, name], depth + 1);
      // What `!reset` takes away may be written again.
      if (value === undefined) continue;
      const before = seen.get(name);
      if (before !== undefined) {
        refuse("duplicate-key", keyPlace, `the key "${name}" is there already, in line ${before.line}`, "keep one of the two");
      }
      seen.set(name, keyPlace);
      if (merging) merges.push(...mergeSources(value));
      else entries.set(name, { key: keyPlace, value });
    }
    for (const source of merges) {
      if (source.kind !== "map") refuse("yaml-merge", source.at, "`<<` takes a mapping or a list of mappings", "merge a mapping");
      for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return { kind: "map", entries, at };
  }

  #key(key: YAMLNode | null, at: Place): string {
    const target = isAlias(key) ? this.#alias(key.source, at, []) : undefined;
    if (target?.kind === "scalar" && typeof target.value === "string") return target.value;
    if (isScalar(key)) {
      const node = this.#scalar(key, key.tag);
      if (key.anchor !== undefined) this.#anchors.set(key.anchor, { node, size: 1, resets: [] });
      if (node.kind === "scalar" && typeof node.value === "string") return node.value;
    }
    const written = isScalar(key) ? String(key.value) : "";
    return refuse(
      "key-not-text",
      at,
      `a key must be a text; ${written === "" ? "this one" : written} is not`,
      "put the key in quotes",
    );
  }
}

const CORE_TAGS = /^(?:!!|tag:yaml\.org,2002:)(?:int|float|bool|null|timestamp|merge)$/;

function fitsTag(tag: string, { value, form }: ResolvedScalar): boolean {
  const kind = /[a-z]+$/.exec(tag)?.[0];
  if (kind === "int") return typeof value === "number" && form === undefined;
  if (kind === "float") return typeof value === "number";
  if (kind === "bool") return typeof value === "boolean";
  if (kind === "null") return value === null;
  return kind !== "timestamp" || form === "time";
}

function mergeSources(value: Node): readonly Node[] {
  if (value.kind === "list") return value.items;
  return isNull(value) ? [] : [value];
}

function nothing(at: Place): Node {
  return { kind: "scalar", value: null, at, written: "", variables: [] };
}

/** Problems of a text that is not YAML's at all: not UTF-8, or with characters that YAML does not allow. */
export function decodeYAML(bytes: Uint8Array, path: string): string {
  const text = decode(bytes, path);
  const hidden = HIDDEN_BREAK.exec(text);
  const bad = FORBIDDEN.exec(text) ?? hidden;
  if (bad === null) return text;
  const before = text.slice(0, bad.index).split("\n");
  const line = before.length;
  const column = (before.at(-1)?.length ?? 0) + 1;
  const code = (text.codePointAt(bad.index) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const at = { file: path, line, column, endLine: line, endColumn: column + 1 };
  const what = bad === hidden ? "is a line break for Compose, and for nothing that shows the file" : "is not allowed in YAML";
  return refuse("yaml-characters", at, `the character U+${code} ${what}`, "take the character out");
}

// What yaml.v3 refuses.
const FORBIDDEN = /[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

// What follows one of these in a comment is a line of its own for yaml.v3: a setting that nobody sees. Compose takes it; here the file is refused.
const HIDDEN_BREAK = /\r(?!\n)|[\u0085\u2028\u2029]/;

function decode(bytes: Uint8Array, path: string): string {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Refusal([
      { unreadable: true, kind: "encoding", message: "the file is not UTF-8", next: "save it as UTF-8", at: fileStart(path) },
    ]);
  }
}
