import { beforeAll, describe, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { compareWithOracle } from "../../../fixtures/compose-comparison.ts";
import { composeCorpus } from "../../../fixtures/compose-corpus/fetch.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";
import { knownDifferences } from "./known-differences.ts";

// Compose files that people wrote, and those of Compose's own tests: each is read here and by a real Docker Compose.

interface Outcome {
  readonly id: string;
  readonly isReadHere: boolean;
  readonly isReadThere: boolean;
  /** Why one of them refuses, or in what their projects differ. */
  readonly differences: readonly string[];
}

const AT_ONCE = 2;
const outcomes: Outcome[] = [];

async function compare(id: string, files: readonly string[]): Promise<Outcome> {
  const [ours, theirs] = await Promise.all([readProject({ files, environment: oracleEnvironment }), askOracle(files)]);
  const isReadHere = ours.project !== undefined;
  const isReadThere = theirs.project !== undefined;
  const refusal = [
    theirs.stderr.trim().split("\n").at(-1) ?? "",
    ...ours.problems.map(({ kind, message }) => `${kind}: ${message}`),
  ];
  const differences =
    ours.project !== undefined && theirs.project !== undefined
      ? compareWithOracle(ours.project, theirs.project)
      : isReadHere === isReadThere
        ? []
        : refusal;
  return { id, isReadHere, isReadThere, differences };
}

beforeAll(async () => {
  const waiting = [...(await composeCorpus())];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      outcomes.push(await compare(next.id, next.files));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}, 300_000);

describe("the corpus", () => {
  test("has many files that Compose reads, and many that it refuses", () => {
    expect(outcomes.filter(({ isReadThere }) => isReadThere).length).toBeGreaterThan(500);
    expect(outcomes.filter(({ isReadThere }) => !isReadThere).length).toBeGreaterThan(200);
  });

  test("is read and refused as Compose reads and refuses it", () => {
    const unexpected = outcomes.filter(
      ({ id, isReadHere, isReadThere }) => isReadHere !== isReadThere && !(id in knownDifferences),
    );
    expect(unexpected).toEqual([]);
  });

  test("makes the projects that Compose makes of it", () => {
    const unexpected = outcomes.filter(
      ({ id, isReadHere, isReadThere, differences }) =>
        isReadHere && isReadThere && differences.length > 0 && !(id in knownDifferences),
    );
    expect(unexpected.map(({ id, differences }) => ({ id, differences }))).toEqual([]);
  });

  test("still differs where a difference is known", () => {
    const different = new Set(outcomes.filter(({ differences }) => differences.length > 0).map(({ id }) => id));
    expect(Object.keys(knownDifferences).filter((id) => !different.has(id))).toEqual([]);
  });
});
