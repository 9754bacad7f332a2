import { createReadStream } from "node:fs";
import { crc32 } from "node:zlib";
import { NovaError, quote } from "../../model/errors.ts";

// A journal is one segment file at a time; a compaction writes the next one. A line is one commit: the checksum of what follows
// it, as 8 hexadecimal digits, a space, and a JSON array of records. A commit that was torn by a crash is therefore one line, and
// the last one, in whatever order the disk took its blocks.

export function segmentName(number: number): string {
  return `${String(number).padStart(10, "0")}.journal`;
}

/** The number of a segment file; undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  return /^\d{10}\.journal$/.test(name) ? Number(name.slice(0, 10)) : undefined;
}

export function commitLine(records: readonly string[]): Buffer {
  const body = Buffer.from(`[${records.join(",")}]\n`);
  const sum = crc32(body.subarray(0, -1)).toString(16).padStart(8, "0");
  return Buffer.concat([Buffer.from(`${sum} `), body]);
}

/**
 * Reads the segment at `path` and passes on its records in order; gives how many bytes of it are whole. A last line that is not
 * whole is left out. Rejects with `QUEUE_DAMAGED` when another line is not.
 */
export async function readSegment(path: string, take: (record: unknown) => void): Promise<number> {
  let whole = 0;
  let line = 0;
  let torn: number | null = null;
  for await (const { bytes, ended } of linesOf(path)) {
    line += 1;
    if (torn !== null) throw damaged(path, torn, "its checksum does not fit");
    const records = ended ? parseLine(bytes) : undefined;
    if (records === undefined) {
      torn = line;
      continue;
    }
    for (const record of records) {
      try {
        take(record);
      } catch (thrown) {
        throw damaged(path, line, thrown instanceof Error ? thrown.message : String(thrown), thrown);
      }
    }
    whole += bytes.length + 1;
  }
  return whole;
}

function parseLine(bytes: Buffer): readonly unknown[] | undefined {
  const sum = bytes.subarray(0, 9).toString("latin1");
  if (!/^[0-9a-f]{8} $/.test(sum)) return undefined;
  const body = bytes.subarray(9);
  if (crc32(body) !== Number.parseInt(sum, 16)) return undefined;
  try {
    const records: unknown = JSON.parse(body.toString("utf8"));
    return Array.isArray(records) ? records : undefined;
  } catch {
    return undefined;
  }
}

async function* linesOf(path: string): AsyncGenerator<{ bytes: Buffer; ended: boolean }> {
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      yield { bytes: Buffer.concat([...parts, chunk.subarray(from, at)]), ended: true };
      parts = [];
      from = at + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length) yield { bytes: Buffer.concat(parts), ended: false };
}

function damaged(path: string, line: number, reason: string, cause?: unknown): NovaError {
  return new NovaError("QUEUE_DAMAGED", `Line ${line} of the journal ${quote(path, 400)} cannot be read: ${reason}.`, {
    place: `${path}:${line}`,
    next: "Put the file back from a copy, use the (newer) NovaBot that wrote it, or move it away to begin anew; nothing was written over.",
    facts: { path, line },
    cause,
  });
}
