import { constants } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import type { Identities } from "../age/identities.ts";
import { openDocument, resealDocument, sealNew, type PlainRow, type Sealing, type SecretsDocument } from "../sops/document.ts";
import { metadataPrefix } from "../sops/metadata.ts";
import { checkSize, decodeText } from "../sops/rows.ts";
import { isMeanwhile, replaceFile } from "./replace-file.ts";

/** An encrypted file that was read and verified; `text` is what it held, for a later writer to compare with. */
export interface OpenSecrets {
  readonly path: string;
  readonly text: string;
  readonly document: SecretsDocument;
}

/** The bytes of a file of secrets as text; rejects with SECRETS_NOT_FOUND when there is none. */
export async function readSecretsText(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new NovaError("SECRETS_INVALID", "It is not a regular file.", { place: path });
      checkSize(found.size, path);
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof NovaError) throw thrown;
    const isMissing = hasCode(thrown, "ENOENT", "ENOTDIR");
    throw new NovaError(
      isMissing ? "SECRETS_NOT_FOUND" : "SECRETS_INVALID",
      isMissing ? "There is no such file of secrets." : `The file of secrets cannot be read: ${reasonOf(thrown)}.`,
      {
        place: path,
        next: isMissing ? "Make it with `novabot secrets set` or `novabot secrets encrypt`." : "See who owns it.",
        cause: thrown,
      },
    );
  }
  return decodeText(bytes, path);
}

export async function openSecrets(path: string, identities: Identities): Promise<OpenSecrets> {
  const text = await readSecretsText(path);
  return { path, text, document: await openDocument(text, identities, path) };
}

/** The values by name, in the file's order; rejects a name that stands twice, of which two readers could take different ones. */
export function valuesOf(rows: readonly PlainRow[], place: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const row of rows) {
    if (row.kind === "comment") continue;
    if (values.has(row.name)) {
      throw new NovaError("SECRETS_INVALID", `${quote(row.name)} stands twice.`, {
        place,
        next: "Leave one of them (`novabot secrets edit`).",
      });
    }
    values.set(row.name, row.value);
  }
  return values;
}

/**
 * Rejects with SECRETS_INVALID what no variable of a process can be called, or what sops would take for its own. The name is not repeated: it may
 * be the value, or a line of one, that came to stand in the wrong place.
 */
export function checkName(name: string, place: string): void {
  if (name.startsWith(metadataPrefix)) {
    throw new NovaError("SECRETS_INVALID", `The name begins with ${metadataPrefix}, which is the file's own.`, {
      place,
      next: "Choose another name.",
    });
  }
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return;
  throw new NovaError("SECRETS_INVALID", "What stands for the name cannot be a variable's.", {
    place,
    next: "Use letters, digits and underscores, beginning with no digit; a value of several lines has \\n for each line break.",
  });
}

/** `rows` with `name` set to `value`: where it stood, or at the end. What stood in the file stays when the value did not change. */
export function setRow(rows: readonly PlainRow[], name: string, value: string): PlainRow[] {
  const next = rows.map((row): PlainRow =>
    row.kind === "value" && row.name === name && row.value !== value ? { kind: "value", name, value } : row,
  );
  return next.some((row) => row.kind === "value" && row.name === name) ? next : [...next, { kind: "value", name, value }];
}

/**
 * Opens the file, and writes it with what `change` makes of it: the whole sealed text. When somebody else writes meanwhile, both happen: the change is
 * made again from what is there then.
 */
export async function changeSecrets(
  path: string,
  identities: Identities,
  change: (document: SecretsDocument) => string | Promise<string>,
): Promise<void> {
  for (;;) {
    const secrets = await openSecrets(path, identities);
    try {
      return await saveText(secrets, await change(secrets.document));
    } catch (thrown) {
      if (!isMeanwhile(thrown)) throw thrown;
    }
  }
}

/** Writes an opened file with other rows; a change that somebody else made since it was read is not written over. */
export async function saveRows(secrets: OpenSecrets, rows: readonly PlainRow[], now: Date): Promise<void> {
  valuesOf(rows, secrets.path);
  await saveText(secrets, resealDocument(secrets.document, rows, now, secrets.path));
}

/** Writes the sealed `text` in the place of an opened file, whose mode and owner stay. */
export async function saveText(secrets: OpenSecrets, text: string): Promise<void> {
  const found = await stat(secrets.path);
  await replaceFile({
    path: secrets.path,
    content: text,
    mode: found.mode & 0o777,
    ...(process.getuid?.() === 0 ? { owner: { uid: found.uid, gid: found.gid } } : {}),
    expected: secrets.text,
  });
}

/**
 * Makes the encrypted file at `path` with `rows`, and the directories above it; rejects with SECRETS_INVALID when a file is there. With `replaces` it
 * takes the place of a file that held that text.
 */
export async function createFile(
  path: string,
  rows: readonly PlainRow[],
  sealing: Sealing,
  now: Date,
  replaces?: string,
): Promise<void> {
  valuesOf(rows, path);
  await mkdir(dirname(path), { recursive: true });
  const content = await sealNew(rows, sealing, now, path);
  // What it holds is encrypted; its readers are the people who share the repository.
  await replaceFile({ path, content, mode: 0o644, expected: replaces ?? null });
}

/** The text of a plain or encrypted file, or null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readSecretsText(path);
  } catch (thrown) {
    if (thrown instanceof NovaError && thrown.code === "SECRETS_NOT_FOUND") return null;
    throw thrown;
  }
}
