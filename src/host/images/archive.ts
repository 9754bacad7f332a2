import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Writes a stream to `file`, which appears whole or not at all. */
export async function writeArchive(file: string, stream: Readable): Promise<void> {
  const draft = `${file}.${process.pid}.draft`;
  try {
    await pipeline(stream, createWriteStream(draft));
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}
