import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { randomProject } from "../../../fixtures/compose-documents.ts";
import type { RandomProject } from "../../../fixtures/compose-documents.ts";
import { composeJSON } from "../../../fixtures/compose-json.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";

const RUNS = 60;

/** How often Compose is asked that answers otherwise than we do: of some projects it says now this and now that. */
const ASKED = 30;

/**
 * Whether Compose took it; rejects where we read it otherwise. What a service extends that extends another itself is extended once or twice by Compose,
 * in the order of a Go map, which is another one each time: of ten runs one doubles its lists, or refuses them for that. Ours is to be one of its answers.
 */
async function agrees({ files, environment: variables }: RandomProject): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-merging-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const paths = [join(directory, "compose.yaml"), join(directory, "override.yaml")];
    const environment = { ...oracleEnvironment, ...variables };
    const ours = await readProject({ files: paths, environment });
    const json = ours.project && composeJSON(ours.project, environment);
    const refused = ours.problems.filter(({ unreadable }) => unreadable).map(({ message }) => message);
    let theirs = await askOracle(paths, [], environment);
    for (let asked = 1; asked < ASKED && !isDeepStrictEqual(json, theirs.project); asked += 1)
      theirs = await askOracle(paths, [], environment);
    if (theirs.project === undefined) expect(ours.project, theirs.stderr).toBeUndefined();
    else expect(json, refused.join("\n")).toEqual(theirs.project);
    return theirs.project !== undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

// A failure prints its seed and the smallest project that fails.
test("merging, extending and interpolating is what Compose makes of it, for any project", { timeout: 120_000 }, async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(randomProject, async (project) => {
      if (await agrees(project)) taken += 1;
    }),
    { numRuns: RUNS },
  );
  expect(taken).toBeGreaterThan(RUNS / 3);
});
