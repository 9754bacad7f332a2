import type { CompiledQuery } from "kysely";

/** What a statement did. */
export interface Done {
  /** Rows that it gives, of a SELECT or RETURNING. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows that it changed. */
  readonly changed: number;
}

/**
 * The database, as SQLite on Node and D1 on Workers both are one. Statements are Kysely's, compiled. Everything rejects with STORE_FULL, STORE_LOCKED,
 * STORE_DAMAGED or STORE_FAILED, and then nothing of the call is kept.
 */
export interface Database {
  /** One statement that only reads. Does not wait for writers. */
  read<Row>(query: CompiledQuery<Row>): Promise<readonly Row[]>;
  /** All of the statements or none, in their order, in one transaction; no other's come between. */
  atomic(queries: readonly CompiledQuery[]): Promise<readonly Done[]>;
  /** Bytes that it takes, and that it could give back. */
  size(): Promise<{ readonly bytes: number; readonly freeBytes: number }>;
  close(): Promise<void>;
}
