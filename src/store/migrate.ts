import { sql } from "kysely";
import { NovaError, quote } from "../model/errors.ts";
import type { Database } from "./database.ts";
import { build } from "./tables.ts";

/** One step of the tables' making: a file of `migrations/`. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** Between the statements of a file, as drizzle-kit writes it. */
const BREAKPOINT = "--> statement-breakpoint";

/**
 * Brings the database's tables to where this release needs them: what was not applied yet is, each migration whole or not at all. Rejects with
 * STORE_FAILED where the database was made by a newer release, or by other migrations of the same name.
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  await database.atomic([
    sql`create table if not exists migrations (name text primary key not null, checksum text not null)`.compile(build),
  ]);
  const applied = new Map(
    (await database.read(sql<{ name: string; checksum: string }>`select name, checksum from migrations`.compile(build))).map(
      ({ name, checksum }) => [name, checksum],
    ),
  );
  const known = new Set(migrations.map(({ name }) => name));
  for (const name of applied.keys()) {
    if (!known.has(name))
      throw new NovaError("STORE_FAILED", `the database has the migration ${quote(name)}, which this release does not know`, {
        next: "Use the release that wrote it, or a newer one.",
      });
  }
  for (const migration of migrations) {
    const checksum = await checksumOf(migration.sql);
    const before = applied.get(migration.name);
    if (before === checksum) continue;
    if (before !== undefined)
      throw new NovaError(
        "STORE_FAILED",
        `the database was made by another migration ${quote(migration.name)} than this release's`,
        {
          next: "Use the release that wrote it; an applied migration is never changed.",
        },
      );
    const statements = migration.sql.split(BREAKPOINT).filter((text) => text.trim() !== "");
    await database.atomic([
      ...statements.map((text) => sql.raw(text).compile(build)),
      sql`insert into migrations (name, checksum) values (${migration.name}, ${checksum})`.compile(build),
    ]);
  }
}

async function checksumOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
