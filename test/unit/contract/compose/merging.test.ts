import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { randomProject } from "../../../fixtures/compose-documents.ts";
import type { RandomProject } from "../../../fixtures/compose-documents.ts";
import { composeJSON } from "../../../fixtures/compose-json.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";

const RUNS = 60;

/** Whether Compose took it; rejects where we read it otherwise. */
async function agrees({ files, environment: variables }: RandomProject): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-merging-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const paths = [join(directory, "compose.yaml"), join(directory, "override.yaml")];
    const environment = { ...oracleEnvironment, ...variables };
    const [ours, theirs] = await Promise.all([readProject({ files: paths, environment }), askOracle(paths, [], environment)]);
    const refused = ours.problems.filter(({ unreadable }) => unreadable).map(({ message }) => message);
    if (theirs.project === undefined) expect(ours.project, theirs.stderr).toBeUndefined();
    else expect(ours.project && composeJSON(ours.project, environment), refused.join("\n")).toEqual(theirs.project);
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
