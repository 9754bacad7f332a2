import { join } from "node:path";
import { expect, test } from "vitest";
import { findComposeFiles } from "../../../../src/contract/compose/files.ts";
import { layFiles } from "./project-files.ts";

test("a directory's Compose file is found by Compose's names, with its override", async () => {
  const directory = await layFiles({
    "a/docker-compose.yml": "",
    "a/compose.yaml": "",
    "a/compose.override.yml": "",
    "b/docker-compose.yaml": "",
    "c/other.yaml": "",
  });
  expect(await findComposeFiles(join(directory, "a"))).toEqual([
    join(directory, "a/compose.yaml"),
    join(directory, "a/compose.override.yml"),
  ]);
  expect(await findComposeFiles(join(directory, "b"))).toEqual([join(directory, "b/docker-compose.yaml")]);
  expect(await findComposeFiles(join(directory, "c"))).toEqual([]);
  expect(await findComposeFiles(join(directory, "none"))).toEqual([]);
});
