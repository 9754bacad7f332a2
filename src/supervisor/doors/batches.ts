import type { RecordBatch, WorkerRecord } from "../../model/record.ts";
import { MESSAGE_LIMIT } from "../../model/link.ts";

/** Room for the message around the records. */
const ROOM = MESSAGE_LIMIT - 65_536;
/** Of a record without its text, at most. */
const FRAME = 512;
/** `\u0000` is what JSON makes of one byte at worst. */
const WORST = 6;

/** The records in as few batches as messages can hold them. One that is too long by itself is told of as lost. */
export function batchesOf(bootID: string, records: readonly WorkerRecord[]): readonly RecordBatch[] {
  const batches: RecordBatch[] = [];
  let batch: WorkerRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = mostBytes(record);
    if (bytes + size > ROOM && batch.length > 0) {
      batches.push({ bootID, records: batch });
      batch = [];
      bytes = 0;
    }
    batch.push(size > ROOM ? tooLong(record, size) : record);
    bytes += size > ROOM ? FRAME : size;
  }
  if (batch.length > 0) batches.push({ bootID, records: batch });
  return batches;
}

/** Of its JSON; for a line, which is the case that must be fast, without making it. */
function mostBytes(record: WorkerRecord): number {
  return record.kind === "log"
    ? FRAME + record.text.length * WORST + (record.raw?.length ?? 0)
    : Buffer.byteLength(JSON.stringify(record));
}

function tooLong({ seq, atMs, instance }: WorkerRecord, bytes: number): WorkerRecord {
  return { kind: "lost", seq, atMs, instance, reason: "bound", from: seq, to: seq, lines: 1, bytes };
}
