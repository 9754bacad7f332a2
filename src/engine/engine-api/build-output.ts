import { z } from "zod";
import { NovaError, quote } from "../../model/errors.ts";
import type { BuildProgress } from "../engine.ts";

/** One line of a build's answer. Lines that say nothing of use (ids, pull progress) have none of these. */
const messageSchema = z.object({
  stream: z.string().nullish(),
  status: z.string().nullish(),
  error: z.union([z.string(), z.object({ message: z.string() })]).nullish(),
  errorDetail: z.object({ message: z.string().nullish() }).nullish(),
});

/** `Step 2/7 : RUN …` of the classic builder, `STEP 2/7: RUN …` of Buildah; in a build of stages `[1/2] STEP 2/7: RUN …`. */
const stepPattern = /^(?:\[\d+\/\d+\] )?step (\d+)\/(\d+) ?: (.*)$/i;
const LAST_LINES = 30;

/** The error of a build that its caller called off. */
export function buildCancelled(tag: string, cause: unknown): NovaError {
  return new NovaError("IMAGE_BUILD_FAILED", `The build of the image ${quote(tag)} was cancelled.`, {
    facts: { tag, cancelled: true },
    cause,
  });
}

export interface BuildOutput {
  take(message: unknown): void;
  /** What the build failed with, as the engine says it. */
  readonly error: string | undefined;
  /** The error that tells the step and its last lines of output. */
  failure(tag: string, problem: string, cause?: unknown): NovaError;
}

/** Collects a build's progress: gives each line with the step that it belongs to, keeps the last lines of the step. */
export function buildOutput(onProgress?: (progress: BuildProgress) => void): BuildOutput {
  let step: number | null = null;
  let steps: number | null = null;
  let instruction = "";
  let error: string | undefined;
  let partial = "";
  let lines: string[] = [];

  function line(text: string): void {
    const match = stepPattern.exec(text);
    if (match) {
      step = Number(match[1]);
      steps = Number(match[2]);
      instruction = match[3] ?? "";
      lines = [];
      onProgress?.({ kind: "instruction", step, steps, text: instruction });
      return;
    }
    lines.push(text.slice(0, 2000));
    if (lines.length > LAST_LINES) lines.shift();
    onProgress?.({ kind: "output", step, steps, text });
  }

  function flush(): void {
    if (partial !== "") line(partial);
    partial = "";
  }

  return {
    get error() {
      return error;
    },
    take(message) {
      const said = messageSchema.safeParse(message).data;
      if (!said) return;
      if (said.stream) {
        // Output comes as it was written: lines in pieces, progress bars with carriage returns.
        const pieces = `${partial}${said.stream}`.split(/\r?\n|\r/);
        partial = (pieces.pop() ?? "").slice(-8192);
        for (const piece of pieces) if (piece.trim() !== "") line(piece.trimEnd());
      } else if (said.status) line(said.status);
      const failed = said.errorDetail?.message ?? (typeof said.error === "string" ? said.error : said.error?.message);
      if (failed) {
        flush();
        error = failed.trim();
      }
    },
    failure(tag, problem, cause) {
      flush();
      const where = step === null ? "" : ` at step ${step}${steps === null ? "" : ` of ${steps}`}, ${quote(instruction, 200)}`;
      const tail = lines.length === 0 ? "" : `\n${lines.map((text) => `  ${text}`).join("\n")}`;
      return new NovaError("IMAGE_BUILD_FAILED", `The image ${quote(tag)} could not be built${where}: ${problem}${tail}`, {
        next: "Mend what the last lines say and build again; steps that worked are kept.",
        facts: { tag, step, steps, instruction, lastLines: [...lines] },
        ...(cause === undefined ? {} : { cause }),
      });
    },
  };
}
