import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../../../src/contract/findings/finding.ts";
import { unifiedDiff } from "../../../../src/contract/fix/diff.ts";
import { planFixes } from "../../../../src/contract/fix/plan.ts";
import type { Edit } from "../../../../src/contract/source/edit.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";

const file = "/p/compose.yaml";

function finding(...edits: [start: number, end: number, text: string][]): Finding {
  const made = edits.map(([start, end, text]): Edit => ({ file, start, end, text }));
  return { rule: "user", severity: "error", module: "m", service: "s", message: "m", fix: "f", at: undefined, edits: made };
}

const plan = (text: string, findings: readonly Finding[]): ReturnType<typeof planFixes> =>
  planFixes(findings, new Map([[file, text]]));

describe("a plan", () => {
  test("makes edits in the file's order, whatever the findings'", () => {
    expect(plan("abcdef", [finding([4, 5, "E"]), finding([0, 1, "A"], [2, 2, "+"])]).files[0]?.after).toBe("Ab+cdEf");
  });

  test("takes all edits of a finding or none, and the first of two that overlap", () => {
    const { files, mended, waiting } = plan("abcdef", [finding([1, 4, "x"]), finding([3, 5, "y"], [0, 1, "z"])]);
    expect(files[0]?.after).toBe("axef");
    expect([mended.length, waiting.length]).toEqual([1, 1]);
  });

  test("puts insertions at one place behind each other, and the same one once", () => {
    expect(plan("ab", [finding([1, 1, "x"]), finding([1, 1, "y"]), finding([1, 1, "x"])]).files[0]?.after).toBe("axyb");
  });

  test("does not insert at the edge of what is replaced", () => {
    expect(plan("abcd", [finding([1, 2, "x"]), finding([2, 2, "y"])]).waiting).toHaveLength(1);
    expect(plan("abcd", [finding([2, 2, "y"]), finding([1, 2, "x"])]).waiting).toHaveLength(1);
    expect(plan("abcd", [finding([1, 2, "x"]), finding([2, 3, "y"])]).files[0]?.after).toBe("axyd");
  });

  test("leaves out edits beyond the text, of files that were not read, and what changes nothing", () => {
    expect(plan("ab", [finding([1, 9, "x"])]).files).toEqual([]);
    expect(plan("ab", [finding([0, 1, "a"])]).files).toEqual([]);
    expect(planFixes([finding([0, 1, "x"])], new Map()).files).toEqual([]);
  });

  test("of very many edits takes no time", () => {
    const many = Array.from({ length: 100_000 }, (_, index) => finding([index * 10, index * 10 + 1, "y"]));
    const took = processorTime();
    expect(plan("x".repeat(1_000_000), many).mended).toHaveLength(100_000);
    expect(took()).toBeLessThan(5000);
  });
});

test("a diff has three lines around each change", () => {
  const text = Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`).join("");
  const [one] = plan(text, [
    finding([text.indexOf("line 2"), text.indexOf("line 2") + 6, "two"]),
    finding([text.length, text.length, "end"]),
  ]).files;
  expect(one && unifiedDiff(one, "compose.yaml")).toEqual([
    "--- a/compose.yaml",
    "+++ b/compose.yaml",
    "@@ -1,5 +1,5 @@",
    " line 1",
    "-line 2",
    "+two",
    " line 3",
    " line 4",
    " line 5",
    "@@ -10,3 +10,4 @@",
    " line 10",
    " line 11",
    " line 12",
    "+end",
    "\\ No newline at end of file",
  ]);
});

test("lines that an edit leaves as they are do not look changed", () => {
  const [one] = plan("a: [b]\nc: d\n", [finding([6, 6, "\ne: f"])]).files;
  expect(one && unifiedDiff(one, "f").slice(3)).toEqual([" a: [b]", "+e: f", " c: d"]);
  const [two] = plan("a: b\nc: d\n", [finding([3, 4, "x"]), finding([9, 9, "\ne: f"])]).files;
  expect(two && unifiedDiff(two, "f").slice(3)).toEqual(["-a: b", "+a: x", " c: d", "+e: f"]);
});

test("git makes of a diff what the plan makes", async () => {
  const directory = await temporaryDirectory();
  const line = fc.constantFrom("", "a", "b: c", "  - d", "\t", "名前", "x\r");
  const texts = fc
    .tuple(fc.array(line, { maxLength: 25 }), fc.boolean())
    .map(([lines, ends]) => lines.join("\n") + (ends ? "\n" : ""));
  const changes = fc.array(fc.tuple(fc.nat(80), fc.nat(12), fc.constantFrom("", "x", "x\n", "\n", "y: z\n  q")), {
    maxLength: 5,
  });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(texts, changes, async (text, made) => {
      const findings = made.map(([start, length, put]) => {
        const from = Math.min(start, text.length);
        return finding([from, Math.min(from + length, text.length), put]);
      });
      const [one] = plan(text, findings).files;
      if (!one) return;
      const place = join(directory, String(round++));
      await mkdir(place);
      await writeFile(join(place, "f"), text);
      await writeFile(join(place, "d"), `${unifiedDiff(one, "f").join("\n")}\n`);
      await promisify(execFile)("git", ["apply", "--whitespace=nowarn", "d"], { cwd: place });
      expect(await readFile(join(place, "f"), "utf8")).toBe(one.after);
    }),
    { numRuns: 60 },
  );
});
