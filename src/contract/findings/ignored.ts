import { quote } from "../../model/errors.ts";
import type { ContractModule } from "../declaration/contract.ts";
import type { Place } from "../source/place.ts";
import type { CheckedRule, Finding, Report } from "./finding.ts";
import { ignoreComments, type CommentedFile, type IgnoreComment } from "./ignore-comments.ts";
import { near } from "./near.ts";

const OWN_RULE = "ignore-reason";

/** What a check found, without what somebody accepted. */
export interface SetAside {
  readonly findings: readonly Finding[];
  readonly ignored: Report["ignored"];
}

/**
 * The ignore comments of everything that one command checks. A file may take part in several projects, so only at the end is it known which
 * comment ignores nothing.
 */
export class Ignores {
  readonly #byFile = new Map<string, CommentIndex>();
  readonly #used = new Set<string>();
  /** Rules that were decided, by the file whose comments were asked. */
  readonly #decided = new Map<string, Set<string>>();

  /**
   * Takes out of one project's findings what its files' comments and its module's exceptions ignore. `services` has the place of each
   * service's own key: a comment there is about the service wherever the finding is.
   */
  setAside(
    found: { readonly findings: readonly Finding[]; readonly checked: readonly CheckedRule[] },
    files: readonly CommentedFile[],
    services: ReadonlyMap<string, { readonly at: Place }>,
    module: ContractModule | undefined,
  ): SetAside & { readonly checked: readonly CheckedRule[] } {
    for (const file of files) {
      if (!this.#byFile.has(file.path)) this.#byFile.set(file.path, new CommentIndex(ignoreComments(file)));
      this.#noteDecided(file.path, found.checked);
    }
    const ignored: Report["ignored"][number][] = [];
    const findings = found.findings.filter((finding) => {
      const one = this.#commentFor(finding, services) ?? exceptionFor(finding, module);
      if (one) ignored.push({ finding, ...one });
      return !one;
    });
    return { findings, ignored, checked: found.checked.map((one) => afterwards(one, findings, ignored)) };
  }

  /** What is wrong with the comments themselves, once every project was asked. `rules` are the ids that there are. */
  complaints(rules: readonly string[]): Finding[] {
    const all = [...this.#byFile.values()].flatMap(({ comments }) => comments);
    return all.flatMap((comment) => {
      if (!comment.rules.length) {
        return [complaint(comment, "error", "The ignore comment names no rule, so it ignores nothing.", FORM)];
      }
      if (comment.reason === undefined) {
        return [complaint(comment, "error", "The ignore comment gives no reason, so it ignores nothing.", FORM)];
      }
      return comment.rules.flatMap((rule) => this.#complaintOf(comment, rule, rules));
    });
  }

  #complaintOf(comment: IgnoreComment, rule: string, rules: readonly string[]): Finding[] {
    if (!rules.includes(rule) || rule === OWN_RULE) {
      const meant = near(rule, rules).map((id) => quote(id));
      const fix = meant.length ? `Write ${meant.join(" or ")}` : "See `novabot check --rules` for the ids";
      const what = rule === OWN_RULE ? `${quote(rule)} cannot be ignored.` : `There is no rule ${quote(rule)} to ignore.`;
      return [complaint(comment, "warning", what, `${fix}, or take it out of the comment.`)];
    }
    // A rule that was not looked at may still have something to ignore.
    const isDecided = this.#decided.get(comment.at.file)?.has(rule) ?? false;
    if (!isDecided || this.#used.has(key(comment, rule))) return [];
    return [
      complaint(
        comment,
        "warning",
        `The comment ignores ${quote(rule)}, which finds nothing here.`,
        comment.rules.length > 1 ? `Take ${quote(rule)} out of the comment.` : "Remove the comment.",
      ),
    ];
  }

  #commentFor(
    finding: Finding,
    services: ReadonlyMap<string, { readonly at: Place }>,
  ): { reason: string; comment: Place } | undefined {
    const { rule, at, service } = finding;
    if (rule === OWN_RULE) return undefined;
    const own = service === undefined ? undefined : services.get(service)?.at;
    const comment =
      (at && this.#byFile.get(at.file)?.about(at.line, rule)) ??
      (own && this.#byFile.get(own.file)?.aboutService(own.line, rule));
    if (comment?.reason === undefined) return undefined;
    this.#used.add(key(comment, rule));
    return { reason: comment.reason, comment: comment.at };
  }

  #noteDecided(path: string, checked: readonly CheckedRule[]): void {
    const decided = this.#decided.get(path) ?? new Set<string>();
    this.#decided.set(path, decided);
    for (const { rule, verdict } of checked) if (verdict !== "unknown") decided.add(rule);
  }
}

/** Why a comment is told of that lacks no reason. */
const USELESS = "A comment that ignores nothing today hides tomorrow's finding, or was meant for another one.";
const FORM = "Write it as `# novabot-ignore RULE: why this is accepted`.";

/** The comments of one file by rule and line: a file may have as many as it has lines. */
class CommentIndex {
  readonly comments: readonly IgnoreComment[];
  readonly #lines = new Map<string, IgnoreComment>();
  /** Whole services and modules, in the file's order; none overlaps another. */
  readonly #blocks: { readonly from: number; readonly to: number }[] = [];

  constructor(comments: readonly IgnoreComment[]) {
    this.comments = comments;
    for (const comment of comments) {
      if (comment.reason === undefined) continue;
      const { from, to } = comment;
      if (to > from && this.#blocks.at(-1)?.from !== from) this.#blocks.push({ from, to });
      for (const rule of comment.rules) {
        // The first of two comments is the one that counts.
        if (!this.#lines.has(`${from}\0${rule}`)) this.#lines.set(`${from}\0${rule}`, comment);
      }
    }
  }

  about(line: number, rule: string): IgnoreComment | undefined {
    const own = this.#lines.get(`${line}\0${rule}`);
    if (own) return own;
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.from ?? 0) <= line) low = middle + 1;
      else high = middle;
    }
    const block = this.#blocks[low - 1];
    return block && block.from <= line && line <= block.to ? this.#lines.get(`${block.from}\0${rule}`) : undefined;
  }

  aboutService(keyLine: number, rule: string): IgnoreComment | undefined {
    const comment = this.#lines.get(`${keyLine}\0${rule}`);
    return comment?.service === undefined ? undefined : comment;
  }
}

/** The contract itself may except a module from a rule; the module's place stands for the comment. */
function exceptionFor(finding: Finding, module: ContractModule | undefined): { reason: string; comment: Place } | undefined {
  const exception = module?.exceptions.find(({ rule }) => rule === finding.rule);
  return exception && module ? { reason: exception.reason, comment: module.at } : undefined;
}

/** A rule whose every finding is ignored is neither kept nor broken. */
function afterwards(checked: CheckedRule, findings: readonly Finding[], ignored: Report["ignored"]): CheckedRule {
  if (checked.verdict !== "broken" || findings.some(({ rule }) => rule === checked.rule)) return checked;
  const reason = ignored.find(({ finding }) => finding.rule === checked.rule)?.reason;
  return reason === undefined ? checked : { ...checked, verdict: "not applicable", note: `ignored: ${reason}` };
}

function complaint(comment: IgnoreComment, severity: Finding["severity"], message: string, fix: string): Finding {
  const told = { rule: OWN_RULE, severity, module: undefined, service: undefined, message, fix, at: comment.at };
  // The rule's own reason is about a missing one.
  return comment.rules.length > 0 && comment.reason === undefined ? told : { ...told, reason: USELESS };
}

function key({ at }: IgnoreComment, rule: string): string {
  return `${at.file}\0${at.line}\0${at.column}\0${rule}`;
}
