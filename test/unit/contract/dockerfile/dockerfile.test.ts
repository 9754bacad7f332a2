import { describe, expect, test } from "vitest";
import { builtStage, readDockerfile } from "../../../../src/contract/dockerfile/dockerfile.ts";
import { isExcluded } from "../../../../src/contract/dockerfile/ignored.ts";
import { substitute } from "../../../../src/contract/dockerfile/substitute.ts";

const read = (text: string, args: Record<string, string> = {}): ReturnType<typeof readDockerfile> =>
  readDockerfile({ path: "/p/Dockerfile", text }, new Map(Object.entries(args)));

describe("stages", () => {
  const text = "ARG V=1\nFROM --platform=linux/amd64 a:${V} AS Build\nENV A=x\nFROM scratch AS other\nFROM build\nUSER ${A}\n";

  test("have names, bases and the stage below them", () => {
    const { stages } = read(text);
    expect(stages.map(({ name, base, parent }) => [name, base, parent?.name])).toEqual([
      ["build", "a:1", undefined],
      ["other", "scratch", undefined],
      ["2", "build", "build"],
    ]);
    expect(read(text, { V: "2" }).stages[0]?.base).toBe("a:2");
    expect(stages[2]?.user).toEqual({
      value: "x",
      written: "${A}",
      at: { file: "/p/Dockerfile", line: 6, column: 6, endLine: 6, endColumn: 10 },
    });
  });

  test("are found by name, by number, or as the last one", () => {
    const dockerfile = read(text);
    expect(builtStage(dockerfile, undefined)?.name).toBe("2");
    expect(builtStage(dockerfile, "BUILD")?.name).toBe("build");
    expect(builtStage(dockerfile, "1")?.name).toBe("other");
    expect(builtStage(dockerfile, "gone")).toBeUndefined();
  });

  test("arguments before the first stage are seen where they are asked for", () => {
    expect(read("ARG U=7\nFROM a\nUSER ${U:-0}\n").stages[0]?.user?.value).toBe("0");
    expect(read("ARG U=7\nFROM a\nARG U\nUSER ${U:-0}\n").stages[0]?.user?.value).toBe("7");
    expect(read("FROM a\nENV U=8\nARG U=7\nUSER $U\n").stages[0]?.user?.value).toBe("8");
  });
});

test.each([
  ["ENV A=1 B='two words' C=\"x\"", { A: "1", B: "two words", C: "x" }],
  ["ENV A two words", { A: "two words" }],
  ["ENV A=1 \\\n  B=2", { A: "1", B: "2" }],
  ["ARG A", { A: undefined }],
])("%s", (line, values) => {
  const [instruction] = read(`FROM a\n${line}\n`).instructions.slice(1);
  expect(Object.fromEntries(instruction?.pairs.map(({ name, value }) => [name, value]) ?? [])).toEqual(values);
});

test.each([
  ["$A ${A} ${B:-b} ${A:+set} ${C:+set} \\$A ${C}", "1 1 b set  $A "],
  ["${B:-${A}}", "1"],
  ["$", "$"],
  ["${", "${"],
  ["${A", "${A"],
])("%s becomes %s", (text, expected) => expect(substitute(text, new Map([["A", "1"]]))).toBe(expected));

test("what is no Dockerfile gives what can be made out", () => {
  for (const text of [
    "",
    "\n\n",
    "FROM",
    "USER 1",
    "FROM a AS\nUSER",
    "\u0000\u0001",
    "FROM ${",
    "RUN <<EOF\n",
    `FROM a\n${"USER x\n".repeat(5_000)}`,
  ]) {
    expect(() => read(text)).not.toThrow();
  }
});

test.each([
  ["*.env", "a.env", true],
  ["*.env", "x/a.env", false],
  ["**/*.env", "x/y/a.env", true],
  ["x", "x/y/a.env", true],
  ["/x/", "x/a", true],
  ["*\n!keep", "keep", false],
  ["*\n!keep", "other", true],
  ["a?c", "abc", true],
  ["a.c", "abc", false],
  ["# a", "a", false],
  ["**/**/**/**/**/**/**/a", `${"b/".repeat(2_000)}c`, false],
])("%j excludes %s: %s", (ignore, path, expected) => expect(isExcluded(ignore, path)).toBe(expected));
