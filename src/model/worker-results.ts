import * as z from "zod";
import { instanceIDSchema, instanceStatusSchema } from "./instance.ts";
import {
  bootIDSchema,
  errorCategories,
  errorGroupSchema,
  errorSeverities,
  type LogLevel,
  logLevels,
  type RecordBatch,
  workerRecordSchema,
} from "./record.ts";
import type { CallResult, ErrorStats, LogAnswer, LogStats, LogSummary, WorkerCallName } from "./worker-calls.ts";

// What a container answers is looked at like anything else that comes out of one. Fields that this side does not know are left out.

const count = z.number().int().min(0);
const label = z.string().max(256);
const origin = z.enum(["container", "orchestrator"]);

const keptRecordSchema: z.ZodType<LogAnswer["records"][number]> = z
  .looseObject({ bootID: bootIDSchema })
  .transform(({ bootID, ...record }, context): LogAnswer["records"][number] => {
    const read = workerRecordSchema.safeParse(record);
    if (read.success) return { ...read.data, bootID };
    context.addIssue({ code: "custom", message: read.error.issues[0]?.message ?? "is no record" });
    return z.NEVER;
  });

const summary = {
  instance: instanceIDSchema,
  lines: count,
  bytes: count,
  firstAtMs: z.number().nullable(),
  lastAtMs: z.number().nullable(),
};
const summarySchema: z.ZodType<LogSummary> = z.object(summary);

const levels: z.ZodType<Record<LogLevel | "none", number>> = z.record(z.enum([...logLevels, "none"]), count);

const logStatsSchema: z.ZodType<LogStats> = z.object({
  instances: z.array(z.object({ ...summary, levels })).max(10_000),
  bootID: bootIDSchema,
  firstSeq: count,
  lastSeq: count,
  memoryBytes: count,
  diskBytes: count,
  lost: z.object({ records: count, bytes: count }),
  acknowledgedSeq: count.nullable(),
});

const errorStatsSchema: z.ZodType<ErrorStats> = z.object({
  groups: count,
  occurrences: count,
  byCategory: z.partialRecord(z.enum(errorCategories), count),
  bySeverity: z.partialRecord(z.enum(errorSeverities), count),
  byInstance: z.record(instanceIDSchema, count),
});

const cleared = z.object({ cleared: count });
const nothing = z.object({});

/** The schema of each call's answer. */
export const callResultSchemas: { readonly [Name in WorkerCallName]: z.ZodType<CallResult<Name>> } = {
  "supervisor.info": z.object({
    version: label,
    pid: count,
    worker: label,
    container: label,
    bootID: bootIDSchema,
    startedAtMs: z.number(),
    linked: z.boolean(),
    rssBytes: count,
  }),
  "process.start": instanceStatusSchema,
  "process.stop": instanceStatusSchema,
  "process.restart": instanceStatusSchema,
  "process.remove": nothing,
  "process.status": instanceStatusSchema,
  "process.list": z.object({ instances: z.array(instanceStatusSchema).max(10_000) }),
  "process.wait": instanceStatusSchema,
  "errors.list": z.object({ origin, groups: z.array(errorGroupSchema).max(10_000) }),
  "errors.stats": errorStatsSchema,
  "errors.clear": cleared,
  "logs.get": z.object({
    origin,
    bootID: bootIDSchema,
    records: z.array(keptRecordSchema).max(100_000),
    incomplete: z.boolean(),
    cut: z.literal(true).exactOptional(),
  }),
  "logs.list": z.object({ instances: z.array(summarySchema).max(10_000) }),
  "logs.stats": logStatsSchema,
  "logs.clear": cleared,
  "records.follow": nothing,
};

/** One part of `records.follow`. */
export const recordBatchSchema: z.ZodType<RecordBatch> = z.object({
  bootID: bootIDSchema,
  records: z.array(workerRecordSchema).min(1).max(10_000),
});
