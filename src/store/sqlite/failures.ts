import { SqliteError } from "better-sqlite3";
import { messageOf } from "../../model/errors.ts";
import type { Failure } from "./requests.ts";

/** SQLite's own codes, by what they begin with: `SQLITE_IOERR_SHMSIZE` is how a full disk shows itself to what readers and writers share. */
const codes: readonly (readonly [begins: string, Failure["code"]])[] = [
  ["SQLITE_FULL", "STORE_FULL"],
  ["SQLITE_IOERR_SHMSIZE", "STORE_FULL"],
  ["SQLITE_BUSY", "STORE_LOCKED"],
  ["SQLITE_LOCKED", "STORE_LOCKED"],
  ["SQLITE_CORRUPT", "STORE_DAMAGED"],
  ["SQLITE_NOTADB", "STORE_DAMAGED"],
  ["SQLITE_IOERR_SHORT_READ", "STORE_DAMAGED"],
];

/** What was thrown by SQLite, as one of the store's codes. */
export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof SqliteError)) return { code: "STORE_FAILED", message: messageOf(thrown) };
  const code = codes.find(([begins]) => thrown.code.startsWith(begins))?.[1] ?? "STORE_FAILED";
  return { code, message: `${thrown.message} (${thrown.code})` };
}
