import { execFileSync } from "node:child_process";
import { cp, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../../../src/host/package-root.ts";
import type { Database } from "../../../src/store/database.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { openDatabase } from "../../../src/store/sqlite/database.ts";
import { readMigrations } from "../../../src/store/sqlite/migration-files.ts";
import { build } from "../../../src/store/tables.ts";
import { temporaryDirectory } from "../../fixtures/home.ts";

async function openEmpty(): Promise<Database> {
  const database = await openDatabase({ file: join(await temporaryDirectory(), "orchestrator.db") });
  onTestFinished(() => database.close());
  return database;
}

async function tables(database: Database): Promise<readonly string[]> {
  const query = sql<{ name: string }>`select name from sqlite_schema where type = 'table' order by name`.compile(build);
  return (await database.read(query)).map(({ name }) => name);
}

const one = { name: "0000_one", sql: "create table one (a text);\n--> statement-breakpoint\ncreate index i on one (a);\n" };
const two = { name: "0001_two", sql: "create table two (a text);" };

test("applies what is missing, once, in order", async () => {
  const database = await openEmpty();
  await migrate(database, [one]);
  await migrate(database, [one, two]);
  await migrate(database, [one, two]);
  expect(await tables(database)).toEqual(["migrations", "one", "two"]);
});

test("a migration that fails leaves nothing of itself, and can be tried again", async () => {
  const database = await openEmpty();
  const broken = { name: two.name, sql: `${two.sql}\n--> statement-breakpoint\ncreate table one (a text);` };
  await expect(migrate(database, [one, broken])).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(await tables(database)).toEqual(["migrations", "one"]);
  await migrate(database, [one, two]);
  expect(await tables(database)).toEqual(["migrations", "one", "two"]);
});

test("refuses a database of a newer release, and one that other migrations made", async () => {
  const database = await openEmpty();
  await migrate(database, [one, two]);
  await expect(migrate(database, [one])).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining("0001_two"),
  });
  const other = { ...one, sql: "create table one (b text);" };
  await expect(migrate(database, [other, two])).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining("0000_one"),
  });
});

test("the migrations make the tables that are declared", async () => {
  const root = packageRoot();
  const directory = await temporaryDirectory();
  await cp(join(root, "migrations"), join(directory, "migrations"), { recursive: true });
  await cp(join(root, "src/store/schema.ts"), join(directory, "schema.ts"));
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  await writeFile(
    join(directory, "drizzle.config.json"),
    JSON.stringify({ dialect: "sqlite", schema: "./schema.ts", out: "./migrations" }),
  );
  const before = await readdir(join(directory, "migrations"));
  const kit = join(root, "node_modules/drizzle-kit/bin.cjs");
  execFileSync(process.execPath, [kit, "generate", "--config", "drizzle.config.json"], { cwd: directory, stdio: "ignore" });
  expect(await readdir(join(directory, "migrations"))).toEqual(before);
  expect((await readMigrations()).map(({ name }) => `${name}.sql`)).toEqual(before.filter((name) => name.endsWith(".sql")));
});
