import * as z from "zod";
import { type EntryFilter, entryKinds, positionSchema } from "../entry.ts";
import { instanceIDSchema, instanceSettingsSchema } from "../instance.ts";
import { MESSAGE_LIMIT } from "../message.ts";
import { jidPattern } from "../names.ts";
import { bootIDSchema, errorCategories, errorSeverities, logLevels, logStreams } from "../record.ts";
import { outcomes } from "../run.ts";
import { roles } from "./access.ts";
import type { APICallName, APIParams } from "./calls.ts";

/** The most entries that one answer holds. */
export const LIST_LIMIT = 10_000;

/** Names of workers, containers and groups: anything that could be one may be asked for, and what does not exist is found nowhere. */
const name = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}]*$/u, "must not hold control characters");
const names = z.array(name).min(1).max(1000);
const instances = z.array(instanceIDSchema).min(1).max(1000);
const time = z.number().int().min(0).max(8_640_000_000_000_000).describe("Milliseconds since 1970.");
const fingerprint = z.string().regex(/^[0-9a-f]{16}$/, "must be 16 hexadecimal digits");
const timeoutMs = z.number().int().min(0).max(86_400_000).describe("Milliseconds.");
const limit = (most: number, usual: number): z.ZodDefault<z.ZodNumber> => z.number().int().min(1).max(most).default(usual);
const position = positionSchema.describe("An entry's position, as answers tell it.");
const nothing = z.strictObject({});

const which = {
  instanceId: instanceIDSchema,
  worker: name.describe("The worker's name, where several have an instance of this id.").exactOptional(),
  container: name.describe("The worker's container, where several have an instance of this id.").exactOptional(),
};
const paging = {
  after: position.describe("What comes after this position, oldest first.").exactOptional(),
  before: position.describe("The newest of what comes before this position.").exactOptional(),
  limit: limit(LIST_LIMIT, 100),
};
const several = {
  workers: names.exactOptional(),
  containers: names.exactOptional(),
  instances: instances.exactOptional(),
};
const errors = {
  categories: z.array(z.enum(errorCategories)).min(1).max(32).exactOptional(),
  severities: z.array(z.enum(errorSeverities)).min(1).max(8).exactOptional(),
  fingerprint: fingerprint.exactOptional(),
  sinceMs: time.exactOptional(),
  untilMs: time.exactOptional(),
  limit: limit(LIST_LIMIT, 100),
};
const logs = {
  levels: z.array(z.enum(logLevels)).min(1).max(16).exactOptional(),
  streams: z.array(z.enum(logStreams)).min(1).max(4).exactOptional(),
  sinceMs: time.exactOptional(),
  untilMs: time.exactOptional(),
  search: z
    .string()
    .min(1)
    .max(1024)
    .describe("Words that a line has to hold, all of them; in double quotes a phrase; the last one may end in `*`.")
    .exactOptional(),
  contains: z.string().min(1).max(1024).describe("Text that a line has to hold, ignoring case.").exactOptional(),
  bootID: bootIDSchema.exactOptional(),
  after: paging.after,
  before: paging.before,
  limit: limit(LIST_LIMIT, 1000),
};

const oneWay = (params: { readonly after?: number; readonly before?: number }): boolean =>
  params.after === undefined || params.before === undefined;
const oneWayOnly = { path: ["before"], error: "cannot be asked together with `after`" };

const filter = {
  kinds: z.array(z.enum(entryKinds)).min(1).max(8).exactOptional(),
  ...several,
  groups: names.exactOptional(),
  runs: names.exactOptional(),
  levels: logs.levels,
  streams: logs.streams,
} satisfies Record<keyof EntryFilter, unknown>;

/** The schema of each call's parameters; a call that is not here does not exist. Their shapes are plain objects: REST places each field by its name. */
export const apiParamsSchemas: { readonly [Name in APICallName]: z.ZodType<APIParams<Name>> } = {
  "process.list": z.strictObject({ workers: several.workers, containers: several.containers }),
  "process.status": z.strictObject(which),
  "process.start": z.strictObject({
    ...which,
    spec: instanceSettingsSchema.exactOptional(),
    wait: z.enum(["running", "ready"]).exactOptional(),
    timeoutMs: timeoutMs.exactOptional(),
  }),
  "process.stop": z.strictObject({ ...which, graceMs: timeoutMs.exactOptional() }),
  "process.restart": z.strictObject(which),
  "errors.list": z.strictObject({ ...several, ...errors }),
  "errors.get": z.strictObject({ ...which, ...errors }),
  "errors.occurrences": z.strictObject({ ...which, fingerprint, ...paging }).refine(oneWay, oneWayOnly),
  "logs.list": z.strictObject({ ...several, ...logs }).refine(oneWay, oneWayOnly),
  "logs.get": z.strictObject({ ...which, ...logs }).refine(oneWay, oneWayOnly),
  "entries.list": z.strictObject({ ...filter, ...paging }).refine(oneWay, oneWayOnly),
  "workers.list": nothing,
  "workers.get": z.strictObject({ workerName: name }),
  "workers.health": z.strictObject({ workerName: name }),
  "terminals.list": z.strictObject({ worker: which.worker, ...paging }).refine(oneWay, oneWayOnly),
  "terminals.ticket": z.strictObject({
    workerName: name,
    readonly: z.boolean().describe("What is typed is not taken.").exactOptional(),
    record: z.boolean().describe("Keep what is shown as an asciicast.").exactOptional(),
  }),
  "groups.list": nothing,
  "groups.get": z.strictObject({ folder: name }),
  "runs.list": z
    .strictObject({
      groups: names.exactOptional(),
      outcomes: z.array(z.enum(outcomes)).min(1).max(16).exactOptional(),
      ...paging,
    })
    .refine(oneWay, oneWayOnly),
  "runs.get": z.strictObject({ runId: name }),
  "runs.cancel": z.strictObject({ runId: name }),
  "messages.list": z
    .strictObject({ groups: names.exactOptional(), chats: names.exactOptional(), ...paging })
    .refine(oneWay, oneWayOnly),
  "messages.send": z.strictObject({
    chatJid: z.string().regex(jidPattern, "must be a chat id like 1234567890@g.us or local:alice"),
    text: z.string().min(1).max(MESSAGE_LIMIT),
    id: name.describe("The same id again is the same message.").exactOptional(),
  }),
  "tasks.list": z.strictObject({ groups: names.exactOptional() }),
  "tasks.get": z.strictObject({ taskId: name }),
  "tasks.change": z.strictObject({ taskId: name, to: z.enum(["pause", "resume", "cancel"]) }),
  "modules.list": nothing,
  "contract.get": nothing,
  "contract.check": nothing,
  "audit.list": z.strictObject({ who: name.exactOptional(), what: name.exactOptional(), ...paging }).refine(oneWay, oneWayOnly),
  "house.status": nothing,
  "access.me": nothing,
  "tokens.list": nothing,
  "tokens.add": z.strictObject({
    name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/, "must be 1 to 64 letters, digits, dots, hyphens and underscores"),
    role: z.enum(roles),
  }),
  "tokens.remove": z.strictObject({ name }),
};
