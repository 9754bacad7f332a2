import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { compareWithOracle } from "../../../fixtures/compose-comparison.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";
import { spellings } from "../../../fixtures/compose-spellings.ts";

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-spellings-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test.each(spellings)("%j means what it means to Compose", async (spelling) => {
  const file = join(directory, "compose.yaml");
  const image = spelling.startsWith("image:") ? "" : "    image: nginx\n";
  await writeFile(file, `services:\n  a:\n${image}    ${spelling}\n`);
  const [ours, theirs] = await Promise.all([readProject({ files: [file], environment: oracleEnvironment }), askOracle([file])]);
  expect(ours.project === undefined, theirs.stderr).toBe(theirs.project === undefined);
  if (ours.project !== undefined && theirs.project !== undefined)
    expect(compareWithOracle(ours.project, theirs.project)).toEqual([]);
});
