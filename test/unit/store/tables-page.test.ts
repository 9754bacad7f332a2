import { readFile } from "node:fs/promises";
import { getTableName, isTable } from "drizzle-orm";
import { expect, test } from "vitest";
import * as schema from "../../../src/store/schema.ts";

test("docs/database.md tells of every table, and of no other", async () => {
  const page = await readFile("docs/database.md", "utf8");
  const [, section = ""] = /## Tables\n(.*?)\n## /s.exec(page) ?? [];
  const told = [...section.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name);
  const declared = Object.values(schema).filter(isTable).map(getTableName);
  expect(new Set(told)).toEqual(new Set(declared));
});
