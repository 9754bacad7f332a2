import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { composeJSON } from "../../../fixtures/compose-json.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";
import * as groups from "./oracle-cases.ts";
import type { OracleCase } from "./oracle-cases.ts";

// Every feature of Compose files, read here and by a real Docker Compose: both refuse, or both make the same of it.

let root = "";

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "novabot-oracle-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function lay(name: string, { files }: OracleCase): Promise<readonly string[]> {
  const directory = join(root, name, "project");
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return ["compose.yaml", "override.yaml"].filter((file) => file in files).map((file) => join(directory, file));
}

describe.each(Object.entries(groups))("%s", (group, cases) => {
  test.each(Object.entries(cases))("%s", async (name, one) => {
    const files = await lay(`${group}-${Object.keys(cases).indexOf(name)}`, one);
    const environment = { ...oracleEnvironment, ...one.environment };
    const profiles = one.profiles?.flatMap((profile) => ["--profile", profile]) ?? [];
    const [ours, theirs] = await Promise.all([
      readProject({ files, environment, ...(one.profiles === undefined ? {} : { profiles: one.profiles }) }),
      askOracle(files, profiles, environment),
    ]);
    if (theirs.project === undefined) {
      expect(ours.project, theirs.stderr).toBeUndefined();
      expect(ours.problems.filter(({ unreadable }) => unreadable)).not.toEqual([]);
    } else {
      expect(ours.problems.filter(({ unreadable }) => unreadable)).toEqual([]);
      expect(ours.project && composeJSON(ours.project, environment)).toEqual(theirs.project);
    }
  });
});
