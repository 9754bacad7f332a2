import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Migration } from "../migrate.ts";

/** The migrations that came with this release, in their order. */
export async function readMigrations(directory: string = ownMigrations()): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    files.map(async (file) => ({ name: file.slice(0, -".sql".length), sql: await readFile(join(directory, file), "utf8") })),
  );
}

/** `migrations` beside NovaBot's own package.json: in the checkout, or in the installed package, whose code lies deeper. */
function ownMigrations(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
  return join(directory, "migrations");
}
