import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { compareWithOracle } from "../../../fixtures/compose-comparison.ts";
import { composeCorpus, type CorpusCase } from "../../../fixtures/compose-corpus/fetch.ts";
import { askOracle, oracleEnvironment } from "../../../fixtures/compose-oracle.ts";
import { seededRandom } from "../../../fixtures/seeded-random.ts";
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
const PAIRS = 150;
const outcomes: Outcome[] = [];

async function compare(id: string, files: readonly string[]): Promise<Outcome> {
  const [ours, theirs] = await Promise.all([readProject({ files, environment: oracleEnvironment }), askOracle(files)]);
  // Compose refuses a project whose env file is missing. Here it is read, and the missing file is a finding like others.
  const missing = [...(ours.project?.services.values() ?? [])]
    .flatMap(({ envFiles }) => envFiles)
    .some(({ path, required }) => required && !existsSync(path.value));
  if (missing && theirs.project === undefined && /^env file .* not found:/m.test(theirs.stderr)) {
    return { id, isReadHere: false, isReadThere: false, differences: [] };
  }
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

async function compareAll(cases: readonly CorpusCase[]): Promise<Outcome[]> {
  const waiting = [...cases];
  const made: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) made.push(await compare(next.id, next.files));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return made;
}

beforeAll(async () => {
  outcomes.push(...(await compareAll(await composeCorpus())));
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

  test("merges files that know nothing of each other as Compose merges them", { timeout: 120_000 }, async () => {
    const read = new Set(outcomes.filter(({ isReadThere }) => isReadThere).map(({ id }) => id));
    const single = (await composeCorpus()).filter(
      ({ id, files }) => files.length === 1 && read.has(id) && !(id in knownDifferences),
    );
    const random = seededRandom(11);
    const pick = (): CorpusCase => single[Math.floor(random() * single.length)] ?? { id: "", files: [] };
    const pairs = Array.from({ length: PAIRS }, () => [pick(), pick()] as const).map(([one, other]) => ({
      id: `${one.id} + ${other.id}`,
      files: [...one.files, ...other.files],
    }));
    const merged = await compareAll(pairs);
    const broken = merged.filter(
      ({ isReadHere, isReadThere, differences }) => isReadHere !== isReadThere || (isReadThere && differences.length > 0),
    );
    expect(broken).toEqual([]);
    expect(merged.filter(({ isReadThere }) => isReadThere).length).toBeGreaterThan(PAIRS / 2);
  });
});
