import { Writable } from "node:stream";
import { expect, test } from "vitest";
import type { CLIContext } from "../../../src/cli/context.ts";
import { buildProgress, progressLine } from "../../../src/cli/progress.ts";
import type { ImageProgress } from "../../../src/host/images/build.ts";

const step = (text: string, number: number | null = 2): ImageProgress => ({
  image: "agent",
  phase: "step",
  text,
  step: number,
  steps: number === null ? null : 9,
  bytes: null,
  totalBytes: null,
});
const output = (text: string): ImageProgress => ({ ...step(text), phase: "output" });
const context = (bytes: number): ImageProgress => ({ ...step("sending", null), phase: "context", bytes, totalBytes: 4096 });
const done: ImageProgress = { ...step("", null), phase: "done" };

function show(isTerminal: boolean, events: readonly ImageProgress[]): string {
  let written = "";
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, next) {
      written += chunk.toString();
      next();
    },
  });
  const progress = buildProgress({
    isTerminal,
    stderr,
    note: (line: string) => (written += `${line}\n`),
  } as unknown as CLIContext);
  for (const event of events) progress(event);
  return written;
}

test("a line says image, step and instruction, and cannot move the cursor", () => {
  expect(progressLine(step("RUN \u001b[31mapt\u001b[0m\tupdate\r\nmore"))).toBe("agent: step 2/9: RUN apt update");
  expect(progressLine(output("COPY a b"))).toBe("agent: step 2/9: COPY a b");
  expect(progressLine(context(2048))).toBe("agent: sending 2 KiB of 4 KiB to the engine");
});

test("without a terminal there is one line for each step and none for its output", () => {
  expect(
    show(false, [
      context(1),
      context(4096),
      step("RUN x"),
      output("output"),
      output("Step 1/2 : what a step prints"),
      step("RUN y", 3),
      done,
    ]),
  ).toBe("agent: sending 4 KiB to the engine\nagent: step 2/9: RUN x\nagent: step 3/9: RUN y\n");
});

test("on a terminal one line is written over, and gone at the end", () => {
  const written = show(true, [step("RUN x"), done]);
  expect(written).toBe("\r\u001b[Kagent: step 2/9: RUN x\r\r\u001b[K\r");
});
