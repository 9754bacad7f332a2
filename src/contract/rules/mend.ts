import type { ServiceMount } from "../compose/project.ts";
import type { Edit } from "../source/edit.ts";
import type { Place, SourceFile } from "../source/place.ts";
import type { ServiceSubject } from "./paper-rule.ts";

/**
 * The changes of text that rules propose. Each keeps comments, indentation and quotes; where a value is shared by an anchor, comes from another
 * service or file, or is written in a way that is not understood here, there is none.
 */
export function replacing(subject: ServiceSubject, at: Place, text: string): readonly Edit[] {
  const source = ownSource(subject, at);
  const span = source === undefined ? undefined : spanOf(source, at);
  if (source === undefined || span === undefined) return [];
  const quoted = span.quote === "" && !/^[\w./][\w./:-]*$/.test(text) ? `"${text}"` : text;
  return [{ file: source.path, start: span.start, end: span.end, text: quoted }];
}

/** Replaces a value that belongs to the whole file, such as a network's name. */
export function replacingAnywhere(subject: ServiceSubject, at: Place, text: string): readonly Edit[] {
  const source = subject.project.files.find(({ path }) => path === at.file);
  const span = source === undefined ? undefined : spanOf(source, at);
  return source === undefined || span === undefined ? [] : [{ file: source.path, start: span.start, end: span.end, text }];
}

/** Adds `key: value` lines to the end of a service. */
export function adding(subject: ServiceSubject, lines: readonly string[]): readonly Edit[] {
  const { service } = subject;
  const source = subject.project.files.find(({ path }) => path === service.at.file);
  if (source === undefined) return [];
  const all = linesOf(source);
  const key = all[service.at.line - 1];
  if (key === undefined || !/^["']?\s*:\s*(?:#.*)?$/.test(key.text.slice(service.at.endColumn - 1))) return [];
  const block = blockOf(all, service.at);
  const [first] = block;
  const last = block.at(-1);
  if (first === undefined || last === undefined || /^[-{[&*!|>]/.test(first.text.trimStart())) return [];
  const indent = " ".repeat(indentOf(first.text));
  const added = lines.map((line) => `${eolOf(source)}${indent}${line}`).join("");
  const at = last.start + last.text.length;
  return [{ file: source.path, start: at, end: at, text: added }];
}

/** Makes a mount read-only. */
export function mountingReadOnly(subject: ServiceSubject, mount: ServiceMount): readonly Edit[] {
  const source = ownSource(subject, mount.at);
  if (source === undefined) return [];
  if (mount.syntax === "short") {
    const span = spanOf(source, mount.at);
    if (span === undefined) return [];
    const inner = source.text.slice(span.start, span.end);
    const mode = mount.mode?.value;
    if (mode === undefined) return [{ file: source.path, start: span.end, end: span.end, text: ":ro" }];
    if (!inner.endsWith(`:${mode}`)) return [];
    const others = mode.split(",").filter((part) => !/^\s*(?:rw|ro|r|read[-_]?only)\s*$/i.test(part));
    return [{ file: source.path, start: span.end - mode.length, end: span.end, text: ["ro", ...others].join(",") }];
  }
  if (mount.mode !== undefined) return replacing(subject, mount.mode.at, "true");
  return besideTarget(subject, mount.target.at, "read_only: true");
}

/** Adds a line below the `target:` of a long form. */
export function besideTarget(subject: ServiceSubject, target: Place, added: string): readonly Edit[] {
  const source = ownSource(subject, target);
  const line = source === undefined ? undefined : linesOf(source)[target.line - 1];
  const before = /^(\s*(?:-\s+)*)["']?target["']?\s*:/.exec(line?.text ?? "")?.[1];
  if (source === undefined || line === undefined || before === undefined) return [];
  const end = line.start + line.text.length;
  return [{ file: source.path, start: end, end, text: `${eolOf(source)}${" ".repeat(before.length)}${added}` }];
}

/** Adds an item to a list of the service that is written one item a line. */
export function appending(subject: ServiceSubject, last: Place, item: string): readonly Edit[] {
  const source = ownSource(subject, last);
  const line = source === undefined ? undefined : linesOf(source)[last.endLine - 1];
  const before = /^(\s*)-\s/.exec(line?.text ?? "")?.[1];
  if (source === undefined || line === undefined || before === undefined || last.line !== last.endLine) return [];
  const end = line.start + line.text.length;
  return [{ file: source.path, start: end, end, text: `${eolOf(source)}${before}- ${item}` }];
}

/** The text of a short-form scalar without its quotes; undefined when it is not the service's own. */
export function ownText(subject: ServiceSubject, at: Place): string | undefined {
  const source = ownSource(subject, at);
  const span = source === undefined ? undefined : spanOf(source, at);
  return source === undefined || span === undefined ? undefined : source.text.slice(span.start, span.end);
}

/** Whether the scalar stands there without quotes. */
export function isPlain(subject: ServiceSubject, at: Place): boolean {
  const source = subject.project.files.find(({ path }) => path === at.file);
  return source !== undefined && spanOf(source, at)?.quote === "";
}

/** The file, when the place is inside the service's own block and no anchor around it may be used elsewhere. */
function ownSource(subject: ServiceSubject, at: Place): SourceFile | undefined {
  const { service } = subject;
  const source = subject.project.files.find(({ path }) => path === at.file);
  if (source === undefined || at.file !== service.at.file || at.line < service.at.line) return undefined;
  const all = linesOf(source);
  const block = [all[service.at.line - 1], ...blockOf(all, service.at)].filter((line) => line !== undefined);
  const own = block.findIndex(({ number }) => number === at.line);
  if (own === -1) return undefined;
  let indent = Number.POSITIVE_INFINITY;
  for (const line of block.slice(0, own + 1).toReversed()) {
    const here = indentOf(line.text);
    if (here >= indent) continue;
    indent = here;
    if (/(?:^|[\s:,[{-])&[^\s,[\]{}]/.test(line.number === at.line ? line.text.slice(0, at.column - 1) : line.text))
      return undefined;
  }
  return source;
}

interface Line {
  readonly number: number;
  readonly start: number;
  /** Without its end. */
  readonly text: string;
}

/** A large file has many services, each of which would part it anew. */
const parted = new WeakMap<SourceFile, readonly Line[]>();

function linesOf(source: SourceFile): readonly Line[] {
  const known = parted.get(source);
  if (known !== undefined) return known;
  let start = 0;
  const lines = source.text.split("\n").map((line, index) => {
    const found = { number: index + 1, start, text: line.replace(/\r$/, "") };
    start += line.length + 1;
    return found;
  });
  parted.set(source, lines);
  return lines;
}

/** As the first line ends: the whole of a large file is not looked at for each service. */
function eolOf({ text }: SourceFile): string {
  const first = text.indexOf("\n");
  return first > 0 && text.charAt(first - 1) === "\r" ? "\r\n" : "\n";
}

/** The lines below a key that belong to it, without blank lines and comments. */
function blockOf(all: readonly Line[], key: Place): Line[] {
  const block: Line[] = [];
  for (let index = key.line; index < all.length; index += 1) {
    const line = all[index];
    if (line === undefined) break;
    if (/^\s*(?:#|$)/.test(line.text)) continue;
    if (indentOf(line.text) < key.column) break;
    block.push(line);
  }
  return block;
}

function indentOf(text: string): number {
  return text.length - text.trimStart().length;
}

/** Where a scalar's text stands between its quotes; undefined for block scalars, tags, anchors and aliases. */
function spanOf(
  source: SourceFile,
  at: Place,
): { readonly start: number; readonly end: number; readonly quote: string } | undefined {
  const { text } = source;
  const all = linesOf(source);
  let start = (all[at.line - 1]?.start ?? Number.NaN) + at.column - 1;
  let end = (all[at.endLine - 1]?.start ?? Number.NaN) + at.endColumn - 1;
  if (!(start <= end) || at.line !== at.endLine) return undefined;
  const first = text.charAt(start);
  if ((first === '"' || first === "'") && end - start >= 2 && text.charAt(end - 1) === first) {
    start += 1;
    end -= 1;
    // An escape would have to be understood before it is cut.
    if (text.slice(start, end).includes(first === '"' ? "\\" : "''")) return undefined;
    return { start, end, quote: first };
  }
  if (/^[|>&*!{["']/.test(first)) return undefined;
  return { start, end, quote: "" };
}

/** The user that the contract wants, as Compose files write it. */
export function userText(user: ServiceSubject["user"]): string {
  const { uid, gid, variables } = user;
  if (variables === undefined) return `${String(uid)}:${String(gid)}`;
  return `\${${variables.uid}:-${String(uid)}}:\${${variables.gid}:-${String(gid)}}`;
}
