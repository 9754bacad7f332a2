import { randomBytes } from "node:crypto";
import { NovaError, quote } from "../../model/errors.ts";
import { openDataKey, sealDataKey } from "../age/data-key.ts";
import type { Identities } from "../age/identities.ts";
import { parseSealed, seal, unseal, type SealedValue } from "./cipher.ts";
import { macOf, macsEqual, type MACValue } from "./mac.ts";
import {
  lastModifiedAt,
  macTime,
  metadataPrefix,
  metadataRows,
  readMetadata,
  WRITTEN_VERSION,
  type Metadata,
} from "./metadata.ts";
import { readRows, writeRows, type CommentRow, type Row, type ValueRow } from "./rows.ts";
import { selectionOf, type Selection } from "./selection.ts";

/** A file of secrets that was opened: its rows in plain text, verified, and what is needed to seal it again. */
export interface SecretsDocument {
  readonly rows: readonly OpenRow[];
  readonly metadata: Metadata;
  readonly dataKey: Uint8Array;
  /** Names whose values stand in the file for everybody to read; with `mac_only_encrypted` the MAC does not cover them either. */
  readonly unencrypted: readonly string[];
}

/** A row in plain text, with what stood for it in the file, so that what was not changed is written as it was. */
export type OpenRow = (ValueRow & OpenPart) | (CommentRow & OpenPart);

interface OpenPart {
  /** The text of the file; absent in rows that are new. */
  readonly written?: string;
  /** What the MAC takes, where that is not the value's own bytes. */
  readonly macBytes?: Uint8Array;
}

/** Rows that a caller made itself, or an opened document's. */
export type PlainRow = OpenRow;

/** How a new file is encrypted: what its creation rule says. */
export interface Sealing {
  readonly recipients: readonly string[];
  readonly selection: Selection;
  readonly macOnlyEncrypted: boolean;
}

/**
 * Decrypts and verifies the text of a file. Rejects with SECRETS_INVALID when it is none of sops's, SECRETS_KEY when no identity opens it, and
 * SECRETS_TAMPERED when a value or the MAC is not what its author wrote.
 */
export async function openDocument(text: string, identities: Identities, place: string): Promise<SecretsDocument> {
  const sealedRows = readRows(text, place);
  const isMetadata = (row: Row): boolean => row.kind === "value" && row.name.startsWith(metadataPrefix);
  const metadata = readMetadata(sealedRows.filter((row) => row.kind === "value").filter(isMetadata), place);
  const encrypted = selectionOf(metadata.selection, namesOf(sealedRows), place);
  const dataKey = await openDataKey(metadata, identities, place);
  const rows: OpenRow[] = [];
  const values: MACValue[] = [];
  const unencrypted: string[] = [];
  for (const row of sealedRows) {
    if (isMetadata(row)) continue;
    if (row.kind === "comment") {
      rows.push(encrypted(undefined) ? openComment(row, dataKey) : { ...row, written: row.text });
      continue;
    }
    const isEncrypted = encrypted(row.name);
    const open: OpenRow & ValueRow = isEncrypted ? openValue(row, dataKey, place) : { ...row, written: row.value };
    if (!isEncrypted) unencrypted.push(row.name);
    rows.push(open);
    values.push({ bytes: open.macBytes ?? Buffer.from(open.value), encrypted: isEncrypted });
  }
  const mac = parseSealed(metadata.mac);
  const opened = mac && unseal(mac, dataKey, macTime(metadata.lastModified));
  if (!opened || !macsEqual(opened, Buffer.from(macOf(values, metadata.macOnlyEncrypted)))) {
    const what = metadata.mac === "" ? "has no MAC" : "does not fit its MAC";
    throw tampered(`The file ${what}: rows were changed, added, dropped or moved without the key.`, place);
  }
  return { rows, metadata, dataKey, unencrypted };
}

/** The text of a new file with `rows`, with a data key of its own. */
export async function sealNew(rows: readonly PlainRow[], sealing: Sealing, now: Date, place: string): Promise<string> {
  const dataKey = randomBytes(32);
  const metadata: Metadata = {
    recipients: await Promise.all(sealing.recipients.map((recipient) => sealDataKey(dataKey, recipient, place))),
    lastModified: "",
    mac: "",
    selection: sealing.selection,
    macOnlyEncrypted: sealing.macOnlyEncrypted,
    version: WRITTEN_VERSION,
    otherServices: [],
    others: new Map(),
  };
  return sealRows(rows, metadata, dataKey, now, place);
}

/** The text of an opened file with other rows, under the same data key: rows that were not changed stay as they are in the file. */
export function resealDocument(document: SecretsDocument, rows: readonly PlainRow[], now: Date, place: string): string {
  return sealRows(rows, document.metadata, document.dataKey, now, place);
}

/** The text of an opened file under a new data key for `recipients`. */
export async function rekeyDocument(
  document: SecretsDocument,
  recipients: readonly string[],
  now: Date,
  place: string,
): Promise<string> {
  if (document.metadata.otherServices.length) {
    const services = document.metadata.otherServices.join(", ");
    throw new NovaError("SECRETS_KEY", `A new data key could not be given to ${services}, whose keys open the file too.`, {
      place,
      next: "Rotate with sops itself, or take those keys out of the file first.",
    });
  }
  const dataKey = randomBytes(32);
  const sealed = await Promise.all(recipients.map((recipient) => sealDataKey(dataKey, recipient, place)));
  const fresh = document.rows.map((row): PlainRow => {
    return row.kind === "comment" ? { kind: "comment", text: row.text } : { kind: "value", name: row.name, value: row.value };
  });
  return sealRows(fresh, { ...document.metadata, recipients: sealed }, dataKey, now, place);
}

/** The text of an opened file that `recipient` can open as well; values and data key stay. */
export async function addRecipient(document: SecretsDocument, recipient: string, now: Date, place: string): Promise<string> {
  const recipients = [...document.metadata.recipients, await sealDataKey(document.dataKey, recipient, place)];
  return sealRows(document.rows, { ...document.metadata, recipients }, document.dataKey, now, place);
}

function sealRows(rows: readonly PlainRow[], metadata: Metadata, dataKey: Uint8Array, now: Date, place: string): string {
  const encrypted = selectionOf(metadata.selection, namesOf(rows), place);
  const values: MACValue[] = [];
  const sealed = rows.map((row): Row => {
    if (row.kind === "comment") {
      const text = row.written ?? (encrypted(undefined) ? seal(row.text, "comment", dataKey, ":") : row.text);
      return { kind: "comment", text };
    }
    const isEncrypted = encrypted(row.name);
    values.push({ bytes: row.macBytes ?? Buffer.from(row.value), encrypted: isEncrypted });
    if (!isEncrypted && row.written === undefined && row.value.includes("\\n")) {
      throw new NovaError(
        "SECRETS_UNREPRESENTABLE",
        `${quote(row.name)} is not encrypted, and a file cannot tell its \\n from a line break.`,
        {
          place,
          next: "Give the value a name that is encrypted.",
        },
      );
    }
    const value = row.written ?? (isEncrypted ? seal(row.value, "str", dataKey, `${row.name}:`) : row.value);
    return { kind: "value", name: row.name, value };
  });
  const lastModified = lastModifiedAt(now);
  const mac = seal(macOf(values, metadata.macOnlyEncrypted), "str", dataKey, lastModified);
  return writeRows([...sealed, ...metadataRows({ ...metadata, lastModified, mac })]);
}

function namesOf(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => (row.kind === "value" ? [row.name] : []));
}

function openValue(row: ValueRow, dataKey: Uint8Array, place: string): ValueRow & OpenPart {
  // sops leaves what is empty as it is; that such a row was added is what the MAC cannot tell.
  if (row.value === "") return { ...row, written: "" };
  const sealed = parseSealed(row.value);
  if (!sealed) throw tampered(`${quote(row.name)} is not encrypted, and it must be.`, place);
  const bytes = unseal(sealed, dataKey, `${row.name}:`);
  if (!bytes) throw tampered(`${quote(row.name)} was not encrypted with this file's key and under this name.`, place);
  const open = { kind: "value", name: row.name, written: row.value } as const;
  switch (sealed.type) {
    case "str":
    case "int":
    case "int64":
    case "float":
    case "bytes":
    case "time":
      return { ...open, value: decode(bytes, row.name, place) };
    case "bool": {
      // sops encrypts `True` and shows `true`. The type is under no MAC, so any other text would lose its capitals by a stranger's hand.
      const text = decode(bytes, row.name, place);
      if (text !== "True" && text !== "False")
        throw tampered(`${quote(row.name)} is said to be true or false, and is neither.`, place);
      return { ...open, value: text.toLowerCase(), macBytes: bytes };
    }
    default:
      throw new NovaError(
        "SECRETS_INVALID",
        `${quote(row.name)} has the type ${quote(sealed.type)}, which a value cannot have.`,
        { place },
      );
  }
}

/** A comment that cannot be opened stands as it is, as with sops: older versions did not encrypt them, and no MAC covers them. */
function openComment(row: CommentRow, dataKey: Uint8Array): CommentRow & OpenPart {
  const sealed: SealedValue | undefined = parseSealed(row.text);
  const bytes = sealed?.type === "comment" ? unseal(sealed, dataKey, ":") : undefined;
  return { kind: "comment", text: bytes?.toString("utf8") ?? row.text, written: row.text };
}

function decode(bytes: Uint8Array, name: string, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new NovaError("SECRETS_INVALID", `The value of ${quote(name)} is not UTF-8 text.`, {
      place,
      next: "Write it as text, for example in base64.",
    });
  }
}

function tampered(message: string, place: string): NovaError {
  return new NovaError("SECRETS_TAMPERED", message, { place });
}
