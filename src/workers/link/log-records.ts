import { instanceIDPattern } from "../../model/instance.ts";
import { LINE_LIMIT, type LogRecord, logLevels, logStreams } from "../../model/record.ts";

const levels: ReadonlySet<unknown> = new Set([...logLevels, null]);
const streams: ReadonlySet<unknown> = new Set(logStreams);
const LATEST_MS = 8_640_000_000_000_000;
/** kind, seq, atMs, instance, stream, level, text. */
const FIELDS = 7;

/**
 * Whether `value`, out of JSON, is a log record of the usual form: one without `raw`, `part` and `unended`. The same as `logRecordSchema` says of it, by
 * hand: nearly all that comes from workers is of this form, and looking at it takes a tenth of the time so.
 */
export function isUsualLog(value: unknown): value is LogRecord {
  if (typeof value !== "object" || value === null) return false;
  const { kind, seq, atMs, instance, stream, level, text } = value as Partial<Record<keyof LogRecord, unknown>>;
  if (kind !== "log" || typeof text !== "string" || text.length > LINE_LIMIT) return false;
  if (!Number.isSafeInteger(seq) || (seq as number) < 0) return false;
  if (typeof atMs !== "number" || !(atMs >= 0 && atMs <= LATEST_MS)) return false;
  if (!streams.has(stream) || !levels.has(level)) return false;
  if (instance !== null && !(typeof instance === "string" && instanceIDPattern.test(instance))) return false;
  let fields = 0;
  for (const _ in value) fields++;
  return fields === FIELDS;
}
