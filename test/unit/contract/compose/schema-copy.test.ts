import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../../../schema/compose-spec");

test("the Compose specification's schema is that of the package that brings it, with its origin, hash and licence beside it", async () => {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve("dclint/package.json");
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  const theirs = await readFile(join(dirname(manifest), "schemas/compose.schema.json"));
  const ours = await readFile(join(folder, "compose-spec.json"));
  expect(ours.equals(theirs), "take the new one: schema/compose-spec/README.md").toBe(true);
  const readme = await readFile(join(folder, "README.md"), "utf8");
  expect(readme).toContain(`\`dclint\` ${version}`);
  expect(readme).toContain(createHash("sha256").update(ours).digest("hex"));
  expect(await readFile(join(folder, "LICENSE"), "utf8")).toContain("Apache License");
});
