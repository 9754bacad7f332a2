import { expect, test } from "vitest";
import { near } from "../../../../src/contract/findings/near.ts";
import { inOrder, joinReports, select } from "../../../../src/contract/findings/selection.ts";
import { exitStatus } from "../../../../src/contract/findings/severity.ts";
import { mount, report, root, running, secret, user } from "../../../fixtures/check-report.ts";

const rulesOf = (findings: readonly { readonly rule: string }[]): string[] => findings.map(({ rule }) => rule);

test("rules and severity choose what is told; what could not be checked stays", () => {
  const unchecked = [{ module: undefined, message: "x", next: "y", at: undefined }];
  const whole = report({ unchecked });
  expect(rulesOf(select(whole, { rules: ["user"] }).findings)).toEqual(["user"]);
  expect(rulesOf(select(whole, { rules: ["user"] }).checked)).toEqual(["user"]);
  expect(select(whole, { rules: ["user"] })).toMatchObject({ ignored: [], unchecked });
  expect(rulesOf(select(whole, { severity: "warning" }).findings)).toEqual(["user", "secret-values", "mounts-read-only"]);
  expect(rulesOf(select(whole, { rules: [] }).findings)).toHaveLength(4);
});

test("findings come by file and line, each once", () => {
  expect(rulesOf(inOrder([running, mount, secret, user, { ...user }]))).toEqual([
    "user",
    "secret-values",
    "mounts-read-only",
    "running",
  ]);
});

test("the exit status is 1 from the bar on, and 2 whenever something was not looked at", () => {
  const status = (findings: Parameters<typeof inOrder>[0], bar?: "error" | "warning" | "advice"): number =>
    exitStatus(report({ findings }), bar);
  expect([status([]), status([running, mount]), status([user])]).toEqual([0, 0, 1]);
  expect([status([running], "warning"), status([mount], "warning"), status([running], "advice")]).toEqual([0, 1, 1]);
  expect(exitStatus(report({ unchecked: [{ module: "m", message: "x", next: "y", at: undefined }] }))).toBe(2);
});

test("reports of several projects are one", () => {
  const broken = report({ checked: [{ rule: "user", module: "web", verdict: "broken" }] });
  const kept = report({ findings: [running], checked: [{ rule: "user", module: "web", verdict: "kept" }] });
  const joined = joinReports(root, [kept, broken], new Date(0));
  expect(joined.findings).toHaveLength(4);
  expect(joined.checked).toEqual([{ rule: "user", module: "web", verdict: "broken" }]);
});

test("near words are few letters apart, or one within the other", () => {
  const words = ["user", "root-group", "ports", "memory-limit", "cpu-limit"];
  expect(near("usr", words)).toEqual(["user"]);
  expect(near("port", words)).toEqual(["ports"]);
  expect(near("memory", words)).toEqual(["memory-limit"]);
  expect(near("xyzzy", words)).toEqual([]);
  expect(near("x".repeat(1_000_000), words)).toEqual([]);
});
