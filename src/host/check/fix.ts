import type { Finding, Report } from "../../contract/findings/finding.ts";
import { select, type Selection } from "../../contract/findings/selection.ts";
import { planFixes, type FilePlan } from "../../contract/fix/plan.ts";
import { replaceFile } from "../../contract/fix/write.ts";
import { isBelow } from "../../contract/report/paths.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { checkPaperWithin, type CheckPaperOptions, type PaperCheck } from "./paper.ts";

/** A mended line may show what another rule has to say of it; that ends soon, or something goes in a circle. */
const MOST_ROUNDS = 10;

export interface Fixed {
  /** What remains. */
  readonly report: Report;
  /** Findings that were mended. */
  readonly mended: readonly Finding[];
  /** Absolute paths of the files that were written. */
  readonly files: readonly string[];
  /** Why a file was not written. */
  readonly failures: readonly NovaError[];
}

/**
 * Mends what can be mended without a decision, and checks again until nothing of that kind is left. A file that somebody changed meanwhile, or that
 * lies outside its project, is left alone and told of; when Compose would refuse what came out, the files of that round get back their text.
 */
export async function fixPaper(options: CheckPaperOptions, selection: Selection): Promise<Fixed> {
  const mended: Finding[] = [];
  const files = new Set<string>();
  const failures = new Map<string, NovaError>();
  let check = await checkPaperWithin(options);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const plans = planned(check, selection, failures);
    if (!plans.files.length) break;
    const written: FilePlan[] = [];
    for (const plan of plans.files) {
      try {
        await replaceFile(plan.file, plan.before, plan.after, rootFor(plan.file, check));
        written.push(plan);
      } catch (thrown) {
        if (!(thrown instanceof NovaError)) throw thrown;
        failures.set(plan.file, thrown);
      }
    }
    if (!written.length) continue;
    const next = await checkPaperWithin(options);
    if (next.report.unchecked.length > check.report.unchecked.length) {
      for (const plan of written) {
        await replaceFile(plan.file, plan.after, plan.before, rootFor(plan.file, check));
        failures.set(plan.file, spoiled(plan.file));
      }
      check = await checkPaperWithin(options);
      continue;
    }
    check = next;
    for (const { file } of written) files.add(file);
    mended.push(...plans.mended.filter((finding) => (finding.edits ?? []).every(({ file }) => !failures.has(file))));
  }
  return { report: check.report, mended, files: [...files].toSorted(), failures: [...failures.values()] };
}

/** What `fixPaper` would write first, without writing it. */
export function planPaperFixes(
  check: PaperCheck,
  selection: Selection,
): { files: readonly FilePlan[]; failures: readonly NovaError[] } {
  const failures = new Map<string, NovaError>();
  const { files } = planned(check, selection, failures);
  return { files, failures: [...failures.values()] };
}

function planned(check: PaperCheck, selection: Selection, failures: Map<string, NovaError>): ReturnType<typeof planFixes> {
  const { findings } = select(check.report, selection);
  const open = findings.filter(({ edits }) =>
    (edits ?? []).every(({ file }) => {
      if (!failures.has(file) && !check.roots.some((root) => isBelow(file, root))) failures.set(file, outside(file));
      return !failures.has(file);
    }),
  );
  return planFixes(open, check.report.sources);
}

function rootFor(file: string, { roots }: PaperCheck): string {
  return roots.find((root) => isBelow(file, root)) ?? file;
}

function outside(file: string): NovaError {
  return new NovaError("CHECK_FIX_FAILED", `${quote(file)} lies outside the project; it was left as it is.`, {
    place: file,
    next: "Check the project that it belongs to, or mend it by hand.",
  });
}

function spoiled(file: string): NovaError {
  return new NovaError("CHECK_FIX_FAILED", `Compose would refuse ${quote(file)} after the fix; it has its old text again.`, {
    place: file,
    next: "Mend it by hand, and please report the file.",
  });
}
