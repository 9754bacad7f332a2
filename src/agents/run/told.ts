import type { ContainerOutput } from "../../model/protocol.ts";

/** What the frames of one run say together. */
export class Told {
  /** The last frame, whatever it says. */
  last: ContainerOutput | null = null;
  /** The last result of any frame: a frame may only name what it took, or say that it is the last one. */
  answer: string | null = null;
  newSessionId: string | null = null;
  skipped = false;

  take(output: ContainerOutput): void {
    this.last = output;
    if (output.result !== null) this.answer = output.result;
    if (output.newSessionId !== undefined) this.newSessionId = output.newSessionId;
    this.skipped ||= output.skipped === true;
  }

  /** The answer that the run leaves: an error frame's own text is not covered by what was said before. */
  get result(): string | null {
    return this.last?.status === "error" ? this.last.result : this.answer;
  }
}
