import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { routes } from "../../../../src/model/api/routes.ts";

test("docs/api.md lists every call as it is", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../../docs/api.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\| `[a-z]+\.[a-z]+` +\|/.test(line));
  const told = rows.map((row) =>
    row
      .slice(1, -1)
      .split(" |")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
  const wanted = Object.entries(routes).map(([name, { method, path, role, summary }]) => [
    name,
    `${method} ${path}`,
    role,
    summary.replaceAll("`", ""),
  ]);
  expect(told).toEqual(wanted);
});
