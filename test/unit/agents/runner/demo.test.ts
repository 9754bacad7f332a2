import { expect, test } from "vitest";
import { demoAnswer, parseMounts, type Surroundings } from "../../../../src/agents/runner/demo.ts";

const seen: Surroundings = {
  uid: 1000,
  gid: 1000,
  files: [],
  groupWritable: true,
  global: undefined,
  project: undefined,
  otherGroups: [],
  network: false,
  processes: 2,
};

test("every line follows what was found", () => {
  const answer = demoAnswer("Hi\n there", "family", 1, undefined, seen);
  expect(answer).toContain("You asked: Hi there");
  expect(answer).toContain("(I may write): no files yet.");
  expect(answer).toContain("no /workspace/project");
  expect(answer).toContain("no, only loopback");
  expect(answer.split("\n")).toHaveLength(7);
});

test("what main sees is told as well", () => {
  const answer = demoAnswer("x".repeat(300), "main", 3, "hello", {
    ...seen,
    files: ["a", "b", "c", "d", "e", "f", "g"],
    groupWritable: false,
    global: "read-only",
    project: ["groups/family", "groups/main"],
    otherGroups: ["family"],
    network: true,
  });
  expect(answer).toContain(`${"x".repeat(200)}…`);
  expect(answer).toContain("(I may not write): a, b, c, d, e and 2 more.");
  expect(answer).toContain("/workspace/project; I may write groups/family, groups/main. Other groups in it: family.");
  expect(answer).toContain("turn 3 of our session; before it you said: hello");
});

test("mount points come from the kernel's table", () => {
  expect(parseMounts("36 35 98:0 /a /workspace/group rw - ext4 /dev/x rw\n37 35 0:1 / /proc rw - proc proc rw\n")).toEqual(
    new Set(["/workspace/group", "/proc"]),
  );
});
