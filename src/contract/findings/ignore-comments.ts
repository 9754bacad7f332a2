import { DockerfileParser } from "dockerfile-ast";
import { Lexer } from "yaml";
import { LineIndex } from "../source/line-index.ts";
import type { Place, SourceFile } from "../source/place.ts";

/** `# novabot-ignore RULE[, RULE]: reason`, as it stands in a file. */
export interface IgnoreComment {
  readonly at: Place;
  /** Rule ids as written; they may be none of ours. */
  readonly rules: readonly string[];
  /** Undefined when none is given: then it ignores nothing. */
  readonly reason: string | undefined;
  /** The lines whose findings it ignores, both included. */
  readonly from: number;
  readonly to: number;
  /** The service whose key it stands before; then it is about the whole service. */
  readonly service: string | undefined;
}

export interface CommentedFile extends SourceFile {
  readonly syntax: "yaml" | "dockerfile";
}

const MARK = "novabot-ignore";

/** Every ignore comment of a file, in its order. A `#` in a value is no comment. */
export function ignoreComments(file: CommentedFile): IgnoreComment[] {
  // Most files have none, and need not be read again for that.
  if (!file.text.includes(MARK)) return [];
  const index = new LineIndex(file.text);
  return file.syntax === "yaml" ? inYAML(file, index) : inDockerfile(file, index);
}

function inYAML(file: CommentedFile, index: LineIndex): IgnoreComment[] {
  const next = nextContents(index);
  const blocks = keyBlocks(index);
  return yamlComments(file.text).flatMap(({ offset, text }) => {
    const written = parse(text);
    if (!written) return [];
    const { line, column } = index.position(offset);
    const at = place(file.path, line, column, text.length);
    const isAlone = (index.line(line) ?? "").trimStart().startsWith("#");
    const from = isAlone ? (next[line] ?? line) : line;
    const block = isAlone ? blocks.get(from) : undefined;
    return [{ at, ...written, from, to: block?.to ?? from, service: block?.service }];
  });
}

function inDockerfile(file: CommentedFile, index: LineIndex): IgnoreComment[] {
  const dockerfile = DockerfileParser.parse(file.text);
  const instructions = dockerfile.getInstructions().map((instruction) => instruction.getRange());
  return dockerfile.getComments().flatMap((comment) => {
    const { start } = comment.getRange();
    const line = start.line + 1;
    const text = (index.line(line) ?? "").slice(start.character);
    const written = parse(text);
    if (!written) return [];
    // A comment may stand between the lines of an instruction too.
    const about = instructions.find((range) => range.end.line + 1 >= line);
    return [
      {
        at: place(file.path, line, start.character + 1, text.length),
        ...written,
        from: about ? about.start.line + 1 : line,
        to: about ? about.end.line + 1 : line,
        service: undefined,
      },
    ];
  });
}

function parse(comment: string): { rules: string[]; reason: string | undefined } | undefined {
  const found = /^#+\s*novabot-ignore(?![\w-])(.*)$/.exec(comment.slice(0, 2000).trimEnd());
  if (!found) return undefined;
  const rest = found[1] ?? "";
  const colon = rest.indexOf(":");
  const names = colon === -1 ? rest : rest.slice(0, colon);
  const reason = colon === -1 ? "" : rest.slice(colon + 1).trim();
  return {
    rules: [...new Set(names.split(/[\s,]+/).filter((name) => name !== ""))],
    // A dash or a dot is no reason.
    reason: /\p{L}{2}/u.test(reason) ? reason : undefined,
  };
}

/** The comments of a YAML text. Tokens of the lexer without length are marks between its parts. */
function yamlComments(text: string): { offset: number; text: string }[] {
  const found: { offset: number; text: string }[] = [];
  let offset = 0;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (!isScalar && (token === "\u0002" || token === "\u0018")) continue;
    if (!isScalar && token === "\u001f") {
      isScalar = true;
      continue;
    }
    if (!isScalar && token.startsWith("#")) found.push({ offset, text: token.trimEnd() });
    isScalar = false;
    offset += token.length;
  }
  return found;
}

/** For each line the next one that holds something besides a comment; none after the last. */
function nextContents(index: LineIndex): (number | undefined)[] {
  const found: (number | undefined)[] = [];
  for (let line = index.count; line >= 1; line--) {
    found[line] = isContent(index.line(line + 1)) ? line + 1 : found[line + 1];
  }
  return found;
}

/** By the line of its key, each service of `services` and each module of `modules`, with its last line. */
function keyBlocks(index: LineIndex): ReadonlyMap<number, { readonly service: string | undefined; to: number }> {
  const blocks = new Map<number, { readonly service: string | undefined; to: number }>();
  let section: string | undefined;
  let level: number | undefined;
  let block: { readonly service: string | undefined; to: number } | undefined;
  for (let line = 1; line <= index.count; line++) {
    const text = index.line(line) ?? "";
    if (!isContent(text)) continue;
    const indent = indentOf(text);
    if (indent === 0) {
      section = /^["']?(services|modules)["']?\s*:/.exec(text)?.[1];
      level = undefined;
      block = undefined;
    } else if (section !== undefined && indent <= (level ??= indent)) {
      const key = /^\s+(?:"([^"]+)"|'([^']+)'|([^\s#'"][^:#]*?))\s*:(?:\s|$)/.exec(text.slice(0, 1000));
      block = key ? { service: section === "services" ? (key[1] ?? key[2] ?? key[3]) : undefined, to: line } : undefined;
      if (block) blocks.set(line, block);
    } else if (block) block.to = line;
  }
  return blocks;
}

function isContent(line: string | undefined): boolean {
  const text = line?.trimStart() ?? "";
  return text !== "" && !text.startsWith("#");
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function place(file: string, line: number, column: number, length: number): Place {
  return { file, line, column, endLine: line, endColumn: column + length };
}
