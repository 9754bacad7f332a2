import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import { type CorpusCase, composeCorpus } from "../../../fixtures/compose-corpus/fetch.ts";
import { hostileTexts } from "../../../fixtures/hostile-compose.ts";
import { oracleEnvironment } from "../../../fixtures/compose-oracle.ts";
import { mutate } from "../../../fixtures/mutations.ts";
import { seededRandom } from "../../../fixtures/seeded-random.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";

// Files as a broken disk, a hasty hand or an enemy leaves them: whatever stands in them is read or refused, soon, and nothing is thrown.

const COUNT = 3000;

// Of the processor's time, which other work on the machine does not lengthen.
const MOST_MS = 2000;
const MOST_HOSTILE_MS = 30_000;

let directory = "";
let corpus: readonly CorpusCase[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-mutations-"));
  corpus = await composeCorpus();
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test("a mutated file is read or refused, and never throws or takes long", async () => {
  const random = seededRandom(4);
  const broken: { readonly of: string; readonly text: string; readonly what: string }[] = [];
  const file = join(directory, "compose.yaml");
  let refused = 0;
  for (let count = 0; count < COUNT; count += 1) {
    const from = corpus[Math.floor(random() * corpus.length)]?.files[0] ?? "";
    const text = mutate(await readFile(from, "utf8"), random);
    await writeFile(file, text);
    const elapsed = processorTime();
    try {
      // In its own directory what it extends and includes is missing; in the original's it is there.
      const request = count % 2 === 0 ? { files: [file] } : { files: [file], directory: dirname(from) };
      const { project, problems } = await readProject({ ...request, environment: oracleEnvironment });
      if (project === undefined) refused += 1;
      if (project === undefined && problems.every(({ unreadable }) => !unreadable)) {
        broken.push({ of: basename(from), text, what: "refused without a reason" });
      }
    } catch (thrown) {
      broken.push({
        of: basename(from),
        text,
        what: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
      });
    }
    const took = elapsed();
    if (took > MOST_MS) broken.push({ of: basename(from), text, what: `took ${took.toFixed(0)} ms` });
  }
  expect(broken.slice(0, 5)).toEqual([]);
  // Mutations that nothing notices would prove nothing.
  expect(refused).toBeGreaterThan(COUNT / 4);
  expect(refused).toBeLessThan(COUNT);
}, 120_000);

// Bytes cost time, and so do these; none of them much more than a large honest file.
test.each(Object.entries(hostileTexts))("%s end soon, and within memory", { timeout: 240_000 }, async (_, text) => {
  const file = join(directory, "compose.yaml");
  await writeFile(file, text());
  const elapsed = processorTime();
  await readProject({ files: [file], environment: oracleEnvironment });
  expect(elapsed()).toBeLessThan(MOST_HOSTILE_MS);
});
