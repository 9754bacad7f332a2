import { createHash } from "node:crypto";
import type { z } from "zod";
import { NovaError, hasCode, messageOf, quote, reasonOf } from "../../model/errors.ts";
import { MAIL_LIMITS } from "../../model/mail.ts";
import { identityOf, type FileName, type SlotDirectory } from "./slot-directory.ts";

/** A file that cannot be read as mail may not be whole yet; so long after its last change it is. */
const unfinishedMs = 2000;

/** What a file in a slot turned out to be. `key` is the same for the same file until it is changed. */
export type MailFile<T> =
  | { readonly is: "gone" }
  | { readonly is: "unfinished" }
  | { readonly is: "bad"; readonly error: NovaError; readonly key: string }
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
    if (!found) return { is: "gone" };
    const key = identityOf(found);
    const bad = (reason: string): MailFile<T> => ({ is: "bad", error: invalid(place, reason), key });
    const age = now - Number(found.ctimeMs);
    const isYoung = age >= 0 && age < unfinishedMs;
    if (!found.isFile()) return bad(`is ${describe(found)}, not a regular file`);
    if (found.size > MAIL_LIMITS.fileBytes) {
      return bad(`is ${found.size} bytes long; the limit is ${MAIL_LIMITS.fileBytes}`);
    }
    // A name that is being put in place by a second link goes on to have one.
    if (found.nlink > 1n) return isYoung ? { is: "unfinished" } : bad(`has ${found.nlink} names, and mail has one`);
    const { bytes, before, after } = await slot.read(name, MAIL_LIMITS.fileBytes);
    if (identityOf(before) !== key || identityOf(after) !== key) return { is: "unfinished" };
    const parsed = parse(bytes, schema);
    // Half of a JSON object is no JSON at all.
    if ("reason" in parsed) return isYoung && !parsed.isJSON ? { is: "unfinished" } : bad(parsed.reason);
    const id = createHash("sha256")
      .update(`${name.toString("hex")}\0${found.ino}\0${found.mtimeNs}\0`)
      .update(bytes);
    return { is: "mail", mail: parsed.mail, key, bytes: bytes.length, id: id.digest("hex").slice(0, 32) };
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return { is: "gone" };
    return { is: "bad", error: invalid(place, `cannot be read: ${reasonOf(thrown)}`), key: "" };
  }
}

type Parsed<T> = { readonly mail: T } | { readonly reason: string; readonly isJSON: boolean };

/** The mail in `bytes`, or why there is none. */
function parse<T>(bytes: Buffer, schema: z.ZodType<T>): Parsed<T> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (thrown) {
    if (bytes.length === 0) return { reason: "is empty", isJSON: false };
    const reason = thrown instanceof TypeError ? "is not UTF-8" : `is not JSON (${quote(messageOf(thrown), 200)})`;
    return { reason, isJSON: false };
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return { mail: parsed.data };
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join(".");
  return { reason: `is no mail: ${field ? `${quote(field)}: ` : ""}${issue?.message ?? "not valid"}`, isJSON: true };
}

function describe(found: { isSymbolicLink(): boolean; isDirectory(): boolean; isFIFO(): boolean; isSocket(): boolean }): string {
  if (found.isSymbolicLink()) return "a link";
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a FIFO";
  return found.isSocket() ? "a socket" : "a device";
}

function invalid(place: string, reason: string): NovaError {
  return new NovaError("MAIL_INVALID", `The file ${place} ${reason}.`, { place });
}
