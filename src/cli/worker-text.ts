import { lineEnd, logLine, lostLine } from "../model/record-text.ts";
import type { WorkerRecord } from "../model/record.ts";
import { jsonLine } from "./output.ts";

// A worker's lines as they are asked for. What a worker wrote is made harmless but for `raw`, which is for files and programs.

export type WorkerFormat = "table" | "json" | "raw";

/** One record: a line for people, a JSON document on a line, or the bytes that the process wrote. */
export function recordBytes(record: WorkerRecord, bootID: string, format: WorkerFormat): string | Uint8Array {
  if (format === "json") return jsonLine({ bootID, ...record });
  if (record.kind === "lost") return format === "raw" ? "" : lostLine(record);
  if (record.kind !== "log") return "";
  if (format === "table") return logLine(record);
  const bytes = record.raw === undefined ? Buffer.from(record.text) : Buffer.from(record.raw, "base64");
  return Buffer.concat([bytes, Buffer.from(lineEnd(record))]);
}
