import type { Writable } from "node:stream";
import { OUTPUT_END, OUTPUT_START } from "../../model/markers.ts";
import type { ContainerOutput } from "../../model/protocol.ts";

/** A frame as bytes on stdout. The first newline ends a line that something else may have left open. */
export function encodeFrame(output: ContainerOutput, nonce: string | undefined): string {
  return `\n${OUTPUT_START}\n${JSON.stringify(nonce === undefined ? output : { ...output, nonce })}\n${OUTPUT_END}\n`;
}

/** Writes a frame and resolves when the kernel has all of it. A host that has stopped reading is no error. */
export async function writeFrame(stream: Writable, output: ContainerOutput, nonce: string | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write(encodeFrame(output, nonce), () => resolve());
  });
}
