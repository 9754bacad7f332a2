import { readProject } from "../../src/contract/compose/read.ts";
import { checkPaper } from "../../src/host/check/paper.ts";

export interface OwnFigures {
  /** The first time through, with everything still to be compiled; then each further one. */
  readonly passesMs: readonly number[];
  readonly loadedKiB: number;
  readonly peakKiB: number;
}

/** One call of Compose. */
export type Case = { readonly files: readonly string[] };
export type Work = "read" | "check";
type Environment = Readonly<Record<string, string>>;

/** What can be done to all cases: read them as Compose does, or hold the single files among them to every rule as one `novabot check`. */
const works: Readonly<Record<Work, (cases: readonly Case[], environment: Environment) => Promise<unknown>>> = {
  async read(cases, environment) {
    for (const { files } of cases) await readProject({ files, environment });
  },
  async check(cases, environment) {
    const paths = cases.flatMap(({ files }) => (files.length === 1 ? files : []));
    await checkPaper({ paths, cwd: "/", env: environment });
  },
};

/** Does one of them so many times; for a process that does nothing else. */
export async function measure(work: Work, cases: readonly Case[], passes: number, environment: Environment): Promise<OwnFigures> {
  const loadedKiB = process.resourceUsage().maxRSS;
  const passesMs: number[] = [];
  for (let pass = 0; pass < passes; pass += 1) {
    const began = performance.now();
    await works[work](cases, environment);
    passesMs.push(performance.now() - began);
  }
  return { passesMs, loadedKiB, peakKiB: process.resourceUsage().maxRSS };
}
