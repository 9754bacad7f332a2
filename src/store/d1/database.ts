import type { CompiledQuery } from "kysely";
import { NovaError } from "../../model/errors.ts";
import type { Database, Done } from "../database.ts";

/** Workers' D1 as the store's database. Its `batch` is one transaction, and what a Worker is bound to needs no closing. */
export function openD1(d1: D1Database): Database {
  const prepared = ({ sql, parameters }: CompiledQuery): D1PreparedStatement => d1.prepare(sql).bind(...parameters);
  // D1 tells its size with every answer, and by nothing else.
  let bytes: number | null = null;

  const told = async <Row>(results: Promise<readonly D1Result<Row>[]>): Promise<readonly D1Result<Row>[]> => {
    const all = await results.catch((error: unknown) => {
      throw storeError(error);
    });
    bytes = all.at(-1)?.meta.size_after ?? bytes;
    return all;
  };

  const read = async <Row>(query: CompiledQuery<Row>): Promise<readonly Row[]> => {
    const [result] = await told(
      prepared(query)
        .all<Row>()
        .then((one) => [one]),
    );
    return result?.results ?? [];
  };

  return {
    read,
    async atomic(queries): Promise<readonly Done[]> {
      if (queries.length === 0) return [];
      const results = await told(d1.batch<Readonly<Record<string, unknown>>>(queries.map(prepared)));
      return results.map(({ results: rows, meta }) => ({ rows, changed: meta.changes }));
    },
    async size() {
      if (bytes === null)
        await told(
          d1
            .prepare("SELECT 1")
            .all()
            .then((one) => [one]),
        );
      return { bytes: bytes ?? 0, freeBytes: 0 };
    },
    async close() {},
  };
}

const codes = [
  [/SQLITE_FULL|maximum DB size|database or disk is full/i, "STORE_FULL"],
  [/SQLITE_(BUSY|LOCKED)|database is locked|overloaded/i, "STORE_LOCKED"],
  [/SQLITE_(CORRUPT|NOTADB)/i, "STORE_DAMAGED"],
] as const;

function storeError(cause: unknown): NovaError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = codes.find(([pattern]) => pattern.test(message))?.[1] ?? "STORE_FAILED";
  return new NovaError(code, `The D1 database did not do what it was asked: ${message}`, { cause });
}
