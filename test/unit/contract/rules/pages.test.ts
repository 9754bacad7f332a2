import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planFixes } from "../../../../src/contract/fix/plan.ts";
import { ruleDescriptions } from "../../../../src/contract/rules/catalogue.ts";
import { checkExample, fencesOf, pages, projectsOf } from "./example.ts";

const read = (id: string): string => readFileSync(join(pages, `${id}.md`), "utf8");

test("every rule has its page and every page its rule", () => {
  const names = readdirSync(pages).map((name) => name.replace(/\.md$/, ""));
  expect(names.toSorted()).toEqual([...ruleDescriptions.map(({ id }) => id), "README"].toSorted());
});

test("the list of the rules has every rule with what it says of itself", () => {
  const list = read("README");
  for (const { id, severity, title } of ruleDescriptions) {
    expect(list).toMatch(
      new RegExp(
        `^\\| \\[\`${id}\`\\]\\(${id}\\.md\\) +\\| ${severity} +\\| [\\w, ]+ \\| ${title.replace(/[.,()]/g, "\\$&")} +\\|$`,
        "m",
      ),
    );
    expect(read(id)).toContain(`${severity.charAt(0).toUpperCase()}${severity.slice(1)} · `);
    expect(read(id)).toContain(`${title}.`);
  }
});

const examples = ruleDescriptions
  .filter(({ ways }) => ways.includes("paper"))
  .map(({ id }) => ({ id, fences: fencesOf(read(id)) }));

describe.each(examples)("$id", ({ id, fences }) => {
  const keeps = projectsOf(fences, "keeps");
  const breaks = projectsOf(fences, "breaks");

  test("has an example of each kind", () => {
    expect(keeps.length).toBeGreaterThan(0);
    expect(breaks.length).toBeGreaterThan(0);
  });

  test.each(keeps.map((files) => ({ files })))("is kept by its example $#", async ({ files }) => {
    const { report } = await checkExample(Object.fromEntries(files.map(({ file, text }) => [file, text])));
    expect(report.findings.filter(({ rule }) => rule === id)).toEqual([]);
    expect(report.unchecked).toEqual([]);
    const verdict = report.checked.find(({ rule }) => rule === id)?.verdict;
    expect(id === "ignore-reason" ? "kept" : verdict).toBe("kept");
  });

  test.each(breaks.map((files) => ({ files })))("is broken at the marked line by its example $#", async ({ files }) => {
    const { report, folder } = await checkExample(Object.fromEntries(files.map(({ file, text }) => [file, text])));
    const found = report.findings.filter(({ rule }) => rule === id).map(({ at }) => `${at?.file ?? ""}:${String(at?.line)}`);
    const marked = files.flatMap(({ file, text }) => markedLines(text).map((line) => `${join(folder, file)}:${String(line)}`));
    expect(marked.length).toBeGreaterThan(0);
    expect(found.toSorted()).toEqual(marked.toSorted());
  });
});

const mended = examples.flatMap(({ id, fences }) => {
  const [before] = projectsOf(fences, "before");
  const [after] = projectsOf(fences, "after");
  return before === undefined ? [] : [{ id, before: before[0]?.text ?? "", after: after?.[0]?.text ?? "" }];
});

test.each(mended)("$id is mended as its page says", async ({ id, before, after }) => {
  const { report, folder } = await checkExample({ "compose.yaml": before });
  const plan = planFixes(
    report.findings.filter(({ rule }) => rule === id),
    report.sources,
  );
  expect(plan.files.map(({ file, after: text }) => [file, text])).toEqual([[join(folder, "compose.yaml"), after]]);
});

/** Lines with a comment `# breaks` behind them, or alone on the line before. */
function markedLines(text: string): readonly number[] {
  return text
    .split("\n")
    .flatMap((line, index) => (/^\s*# breaks$/.test(line) ? [index + 2] : line.endsWith(" # breaks") ? [index + 1] : []));
}
