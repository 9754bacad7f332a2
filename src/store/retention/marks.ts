import { type CompiledQuery, sql } from "kysely";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";

export async function markOf(database: Pick<Database, "read">, name: string): Promise<number | null> {
  const [row] = await database.read(build.selectFrom("marks").select("value").where("name", "=", name).compile());
  return row?.value ?? null;
}

/** Moves a mark onwards; it never goes back. */
export function mark(name: "aged" | "dropped", position: number): CompiledQuery {
  return build
    .insertInto("marks")
    .values({ name, value: position })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: sql`max(marks.value, excluded.value)` }))
    .compile();
}

/** The newest position that was given before that time, by this side's clock. */
export async function positionAt(database: Pick<Database, "read">, atMs: number): Promise<number> {
  const [moment] = await database.read(
    build.selectFrom("moments").select("position").where("at_ms", "<=", atMs).orderBy("at_ms", "desc").limit(1).compile(),
  );
  return moment?.position ?? 0;
}
