import { createHash } from "node:crypto";
import type { z } from "zod";
import { NovaError, hasCode, messageOf, quote, reasonOf } from "../../model/errors.ts";
import { MAIL_LIMITS } from "../../model/mail.ts";
import { identityOf, type FileName, type SlotDirectory } from "./slot-directory.ts";

/** A file that cannot be read as mail may not be whole yet; so long after its last change it is. */
const unfinishedMs = 2000;

/** What a file in a slot turned out to be; `bytes` is how much was read. `key` is the same for the same file until it is changed. */
export type MailFile<T> =
  | { readonly is: "gone"; readonly bytes: 0 }
  | { readonly is: "unfinished"; readonly bytes: number }
  | { readonly is: "bad"; readonly error: NovaError; readonly key: string; readonly bytes: number }
  | { readonly is: "mail"; readonly mail: T; readonly key: string; readonly bytes: number; readonly id: string };

/**
 * Reads the file `name` of a slot. What is no regular file of a sensible size is not even opened. The id is of the file and its
 * content: the same file gives the same id, also to the process that comes after a crash.
 */
export async function readMailFile<T>(
  slot: SlotDirectory,
  name: FileName,
  schema: z.ZodType<T>,
  now: number = Date.now(),
): Promise<MailFile<T>> {
  const place = quote(name.toString(), 300);
  try {
    const found = await slot.look(name);
    if (!found) return { is: "gone", bytes: 0 };
    const key = identityOf(found);
    const bad = (reason: string, read = 0): MailFile<T> => ({ is: "bad", error: invalid(place, reason), key, bytes: read });
    const age = now - Number(found.ctimeMs);
    const isYoung = age >= 0 && age < unfinishedMs;
    if (!found.isFile()) return bad(`is ${describe(found)}, not a regular file`);
    if (found.size > MAIL_LIMITS.fileBytes) {
      return bad(`is ${found.size} bytes long; the limit is ${MAIL_LIMITS.fileBytes}`);
    }
    // A name that is being put in place by a second link goes on to have one.
    if (found.nlink > 1n) return isYoung ? { is: "unfinished", bytes: 0 } : bad(`has ${found.nlink} names, and mail has one`);
    const { bytes, before, after } = await slot.read(name, MAIL_LIMITS.fileBytes);
    if (identityOf(before) !== key || identityOf(after) !== key) return { is: "unfinished", bytes: bytes.length };
    const parsed = parse(bytes, schema);
    // Half of a JSON object is no JSON at all.
    if ("reason" in parsed) {
      return isYoung && !parsed.isWhole ? { is: "unfinished", bytes: bytes.length } : bad(parsed.reason, bytes.length);
    }
    const id = createHash("sha256")
      .update(`${name.toString("hex")}\0${found.ino}\0${found.mtimeNs}\0`)
      .update(bytes);
    return { is: "mail", mail: parsed.mail, key, bytes: bytes.length, id: id.digest("hex").slice(0, 32) };
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return { is: "gone", bytes: 0 };
    return { is: "bad", error: invalid(place, `cannot be read: ${reasonOf(thrown)}`), key: "", bytes: 0 };
  }
}

type Parsed<T> = { readonly mail: T } | { readonly reason: string; readonly isWhole: boolean };

/** The mail in `bytes`, or why there is none. */
function parse<T>(bytes: Buffer, schema: z.ZodType<T>): Parsed<T> {
  if (!isPlain(bytes)) return { reason: "holds more values, or values deeper in each other, than any mail", isWhole: true };
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (thrown) {
    if (bytes.length === 0) return { reason: "is empty", isWhole: false };
    const reason = thrown instanceof TypeError ? "is not UTF-8" : `is not JSON (${quote(messageOf(thrown), 200)})`;
    return { reason, isWhole: false };
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return { mail: parsed.data };
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join(".");
  const what = issue?.code === "unrecognized_keys" ? `${quote(issue.keys[0])} is not known` : (issue?.message ?? "not valid");
  return { reason: `is no mail: ${field ? `${quote(field)}: ` : ""}${what}`, isWhole: true };
}

/**
 * Whether JSON in `bytes` could be mail, by its brackets, commas and colons outside of texts. A megabyte of brackets or keys takes
 * the parser a hundred milliseconds, in which no other group's mail moves; this takes a few.
 */
function isPlain(bytes: Buffer): boolean {
  let inText = false;
  let marks = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inText) {
      if (byte === backslash) index += 1;
      else if (byte === quotationMark) inText = false;
    } else if (byte === quotationMark) inText = true;
    else if (byte !== undefined && structure.has(byte) && (marks += 1) > mostMarks) return false;
  }
  return true;
}

const quotationMark = 0x22;
const backslash = 0x5c;
const structure: ReadonlySet<number> = new Set(Buffer.from("[]{}:,"));
/** The richest mail has about thirty. */
const mostMarks = 100;

function describe(found: { isSymbolicLink(): boolean; isDirectory(): boolean; isFIFO(): boolean; isSocket(): boolean }): string {
  if (found.isSymbolicLink()) return "a link";
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a FIFO";
  return found.isSocket() ? "a socket" : "a device";
}

function invalid(place: string, reason: string): NovaError {
  return new NovaError("MAIL_INVALID", `The file ${place} ${reason}.`, { place });
}
