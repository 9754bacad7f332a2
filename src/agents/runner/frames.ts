import type { Writable } from "node:stream";
import { OUTPUT_END, OUTPUT_START } from "../../model/markers.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import type { Identity } from "./input.ts";

/** A frame as bytes on stdout. The first newline ends a line that something else may have left open. */
export function encodeFrame(output: ContainerOutput): string {
  return `\n${OUTPUT_START}\n${JSON.stringify(output)}\n${OUTPUT_END}\n`;
}

/** The frames of one run: each carries what the run's input told it to. */
export class Frames {
  readonly #stream: Writable;
  #identity: Identity = {};

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  identify({ nonce, run }: Identity): void {
    this.#identity = { ...(nonce === undefined ? {} : { nonce }), ...(run === undefined ? {} : { run }) };
  }

  /** Resolves when the kernel has all of the frame and of those before it. A host that has stopped reading is no error. */
  async write(output: ContainerOutput): Promise<void> {
    const frame = encodeFrame({ ...output, ...this.#identity });
    await new Promise<void>((resolve) => {
      this.#stream.write(frame, () => resolve());
    });
  }
}
