import { NovaError } from "../../model/errors.ts";

/**
 * A line of the SOPS dotenv store. Values and comments are what stands behind them: of a value, `\n` in the file is a line break
 * here, and nothing else is an escape: quotes, blanks and `$` are part of it.
 */
export type Row = ValueRow | CommentRow;

export interface ValueRow {
  readonly kind: "value";
  /** All before the first `=`. */
  readonly name: string;
  readonly value: string;
}

export interface CommentRow {
  readonly kind: "comment";
  /** Without its `#`, which stands in the first column. */
  readonly text: string;
}

/** Larger files are no files of secrets. */
const LIMIT = 5 * 1024 * 1024;

/** Rejects with SECRETS_INVALID what is too large for a file of secrets. */
export function checkSize(bytes: number, place: string): void {
  if (bytes <= LIMIT) return;
  throw new NovaError("SECRETS_INVALID", `The file has ${bytes} bytes; files of secrets have at most ${LIMIT}.`, { place });
}

/** `bytes` as the text of a dotenv file; rejects with SECRETS_INVALID what no dotenv file holds. */
export function decodeText(bytes: Uint8Array, place: string): string {
  checkSize(bytes.length, place);
  try {
    // A byte order mark would be part of the first name for sops, so it is for us.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (thrown) {
    throw new NovaError("SECRETS_INVALID", "The file is not UTF-8 text.", { place, cause: thrown });
  }
}

/**
 * Reads a dotenv text as sops does. Errors name the line and never what stands in it, which may be a secret: so must those of
 * `checkName`, which is given each name and the place of its line.
 */
export function readRows(text: string, place: string, checkName?: (name: string, place: string) => void): Row[] {
  const rows: Row[] = [];
  let number = 0;
  for (const line of text.split("\n")) {
    number += 1;
    if (line === "") continue;
    if (line.startsWith("#")) {
      rows.push({ kind: "comment", text: line.slice(1) });
      continue;
    }
    const at = line.indexOf("=");
    if (at === -1) {
      throw new NovaError("SECRETS_INVALID", "The line has no `=`.", {
        place: `${place}:${number}`,
        next: "Write NAME=value on one line, with \\n where the value has a line break, or # in the first column for a comment.",
      });
    }
    const name = line.slice(0, at);
    checkName?.(name, `${place}:${number}`);
    rows.push({ kind: "value", name, value: line.slice(at + 1).replaceAll("\\n", "\n") });
  }
  return rows;
}

/** The text that sops writes for `rows`. */
export function writeRows(rows: readonly Row[]): string {
  return rows.map((row) => `${rowText(row)}\n`).join("");
}

/** One row as its line. */
export function rowText(row: Row): string {
  return row.kind === "comment" ? `#${row.text}` : `${row.name}=${row.value.replaceAll("\n", "\\n")}`;
}
