import type { ErrorCode } from "../../model/errors.ts";

// What the threads of a database are asked, and what they answer.

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Rows without the names of their columns in each. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly changed: number;
}

export type Request =
  | { readonly id: number; readonly kind: "run"; readonly statements: readonly Statement[] }
  | { readonly id: number; readonly kind: "size" }
  | { readonly id: number; readonly kind: "close" };

export type Reply =
  | { readonly id: number; readonly answers: readonly Answer[] }
  | { readonly id: number; readonly failure: Failure };

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What a thread is started with. The writer makes the file and stays the only one who writes. */
export interface ThreadData {
  readonly file: string;
  readonly role: "writer" | "reader";
  readonly lockedAfterMs: number;
}

/** The first message of a thread: whether the database is open. */
export type Opened = { readonly failure: Failure | null };
