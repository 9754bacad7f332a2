import { expect, test } from "vitest";
import { buildOutput } from "../../../../src/engine/engine-api/build-output.ts";
import type { BuildProgress } from "../../../../src/engine/engine.ts";

function collect(messages: unknown[]): { progress: BuildProgress[]; output: ReturnType<typeof buildOutput> } {
  const progress: BuildProgress[] = [];
  const output = buildOutput((step) => progress.push(step));
  for (const message of messages) output.take(message);
  return { progress, output };
}

test("the classic builder's steps, with output in pieces", () => {
  const { progress } = collect([
    { stream: "Step 1/2 : FROM scratch" },
    { stream: "\n" },
    { stream: " ---> abc\nStep 2/2 : RUN make\n" },
    { stream: "com" },
    { stream: "piling\n10%\r20%\rdone\n" },
    { aux: { ID: "sha256:1" } },
  ]);
  expect(progress.map(({ kind, step, steps, text }) => `${kind} ${step}/${steps} ${text}`)).toEqual([
    "instruction 1/2 FROM scratch",
    "output 1/2  ---> abc",
    "instruction 2/2 RUN make",
    "output 2/2 compiling",
    "output 2/2 10%",
    "output 2/2 20%",
    "output 2/2 done",
  ]);
});

test("Buildah's steps, in one stage and in several", () => {
  const { progress } = collect([{ stream: "STEP 1/3: FROM a\n" }, { stream: "[2/2] STEP 3/3: RUN b\n" }]);
  expect(progress.map(({ kind, step, steps, text }) => [kind, step, steps, text])).toEqual([
    ["instruction", 1, 3, "FROM a"],
    ["instruction", 3, 3, "RUN b"],
  ]);
});

test("a failure carries the step and its last lines", () => {
  const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
  const { output } = collect([
    { stream: "Step 3/9 : RUN x\n" },
    { stream: `${lines.join("\n")}\nno newline` },
    { errorDetail: { message: "it returned 1" }, error: "other words" },
  ]);
  expect(output.error).toBe("it returned 1");
  const error = output.failure("t:1", output.error ?? "");
  expect(error).toMatchObject({ code: "IMAGE_BUILD_FAILED", facts: { step: 3, steps: 9, instruction: "RUN x" } });
  expect(error.message).toContain('"t:1" could not be built at step 3 of 9, "RUN x": it returned 1');
  expect(error.message).toContain("line 49\n  no newline");
  expect(error.message).not.toContain("line 10\n");
});

test("messages that are none are passed over, endless lines are cut", () => {
  const { progress, output } = collect([
    null,
    7,
    "x",
    { stream: 5 },
    { error: { message: "as an object" } },
    { stream: "z".repeat(100_000) },
    { stream: "\n" },
  ]);
  expect(output.error).toBe("as an object");
  expect(progress).toHaveLength(1);
  expect(progress[0]?.text.length).toBeLessThan(10_000);
});
