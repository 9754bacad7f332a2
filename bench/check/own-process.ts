import { readProject } from "../../src/contract/compose/read.ts";
import type { CorpusCase } from "../../test/fixtures/compose-corpus/fetch.ts";

export interface OwnFigures {
  /** The first time through, with everything still to be compiled; then each further one. */
  readonly passesMs: readonly number[];
  readonly loadedKiB: number;
  readonly peakKiB: number;
}

/** Reads all cases one after another, `passes` times; for a process that does nothing else. */
export async function readAll(
  cases: readonly Pick<CorpusCase, "files">[],
  passes: number,
  environment: Readonly<Record<string, string>>,
): Promise<OwnFigures> {
  const loadedKiB = process.resourceUsage().maxRSS;
  const passesMs: number[] = [];
  for (let pass = 0; pass < passes; pass += 1) {
    const began = performance.now();
    for (const { files } of cases) await readProject({ files, environment });
    passesMs.push(performance.now() - began);
  }
  return { passesMs, loadedKiB, peakKiB: process.resourceUsage().maxRSS };
}
