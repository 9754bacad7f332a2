import * as z from "zod";
import { entrySchema, logEntrySchema, lostEntrySchema, moduleStates, positionSchema, workerStates } from "../entry.ts";
import { networks } from "../group.ts";
import { instanceIDSchema, instanceStatusSchema } from "../instance.ts";
import type {
  AuditRow,
  CheckView,
  DoorState,
  ErrorOccurrence,
  ErrorView,
  GroupView,
  MessageView,
  ModuleView,
  Page,
  ProcessView,
  RunView,
  TerminalSession,
  WorkerView,
} from "../kept.ts";
import { bootIDSchema, errorGroupSchema } from "../record.ts";
import { type RunRecord, runRecordSchema } from "../run.ts";
import type { ScheduledTask } from "../task.ts";
import { type Caller, roles } from "./access.ts";
import type { APIAnswer, APICallName } from "./calls.ts";

// What the orchestrator answers, for the OpenAPI document and for clients that look at what they get. Fields that a client does not know are left out.

const text = z.string();
const nullable = text.nullable();
const count = z.number().int().min(0);
const time = z.number();

const doorStateSchema: z.ZodType<DoorState> = z.object({ healthy: z.boolean(), reason: nullable, atMs: time });
const health = z.object({ terminal: doorStateSchema, websocket: doorStateSchema });

const workerViewSchema: z.ZodType<WorkerView> = z.object({
  worker: text,
  container: nullable,
  state: z.enum(workerStates),
  sinceMs: time,
  why: text,
  bootID: nullable,
  bootedAtMs: time.nullable(),
  version: nullable,
  image: nullable,
  engine: nullable,
  health: health.nullable(),
  instances: count,
  logs: z.object({ rows: count, bytes: count }),
});

const processViewSchema: z.ZodType<ProcessView> = z.object({
  worker: text,
  container: text,
  instance: instanceIDSchema,
  linked: z.boolean(),
  asOfMs: time,
  status: instanceStatusSchema,
});

const errorViewSchema: z.ZodType<ErrorView> = errorGroupSchema.and(z.object({ worker: text, container: text }));

const errorOccurrenceSchema: z.ZodType<ErrorOccurrence> = z.object({
  position: positionSchema,
  atMs: time,
  worker: text,
  container: text,
  bootID: bootIDSchema,
  seq: count,
  instance: instanceIDSchema,
  fingerprint: text,
  count,
  message: text,
  lines: z.array(text),
  before: z.array(text),
});

const terminalSessionSchema: z.ZodType<TerminalSession> = z.object({
  id: text,
  worker: text,
  container: nullable,
  session: nullable,
  instance: nullable,
  who: text,
  readonly: z.boolean(),
  openedAtMs: time,
  endedAtMs: time.nullable(),
  why: nullable,
  bytesIn: count,
  bytesOut: count,
  recorded: z.boolean(),
});

const groupViewSchema: z.ZodType<GroupView> = z.object({
  folder: text,
  name: text,
  jid: text,
  isMain: z.boolean(),
  agent: text,
  network: z.union([z.enum(networks), text]),
  live: z.object({ run: nullable, waiting: count, containers: count }).nullable(),
  runs: count,
  costUSD: z.number(),
  lastRunAtMs: time.nullable(),
});

const runViewSchema: z.ZodType<RunView> = (runRecordSchema as z.ZodObject & z.ZodType<RunRecord>).extend({
  position: positionSchema,
}) as unknown as z.ZodType<RunView>;

const messageViewSchema: z.ZodType<MessageView> = z.object({
  position: positionSchema,
  id: text,
  direction: z.enum(["in", "out"]),
  chatJid: text,
  group: nullable,
  run: nullable,
  sender: text,
  kind: text,
  text,
  atMs: time,
  state: z.enum(["waiting", "answered", "sent", "unsent", "given up"]),
});

const timezone = text.exactOptional();
const taskSchema: z.ZodType<ScheduledTask> = z.object({
  id: text,
  group: text,
  prompt: text,
  schedule: z.discriminatedUnion("type", [
    z.object({ type: z.literal("cron"), value: text, timezone }),
    z.object({ type: z.literal("interval"), value: z.number() }),
    z.object({ type: z.literal("once"), value: text, timezone }),
  ]),
  session: z.enum(["group", "own"]),
  guard: nullable,
  status: z.enum(["active", "paused", "done", "cancelled"]),
  createdBy: text,
  createdAt: text,
  nextAt: nullable,
  sessionId: nullable,
  runs: count,
  last: z
    .object({
      run: nullable,
      plannedAt: text,
      endedAt: text,
      outcome: z.enum(["success", "skipped", "failed"]),
      result: nullable,
      error: nullable,
    })
    .nullable(),
});

const moduleViewSchema: z.ZodType<ModuleView> = z.object({
  module: text,
  state: z.enum(moduleStates),
  why: text,
  sinceMs: time,
  containers: z.array(z.object({ name: text, running: z.boolean(), health: nullable })),
});

const auditRowSchema: z.ZodType<AuditRow> = z.object({
  position: positionSchema,
  atMs: time,
  who: text,
  door: text,
  what: text,
  worker: nullable,
  container: nullable,
  subject: nullable,
  result: text,
  facts: z.record(text, z.unknown()),
});

const checkViewSchema: z.ZodType<CheckView> = z.object({
  atMs: time,
  outcome: z.enum(["kept", "broken", "could not check"]),
  broken: count,
  unknown: count,
  report: z.unknown(),
});

const callerSchema: z.ZodType<Caller> = z.object({ name: text, role: z.enum(roles) });

/** The schemas that have a name in the OpenAPI document. */
export const namedSchemas: Readonly<Record<string, z.ZodType>> = {
  DoorState: doorStateSchema,
  Worker: workerViewSchema,
  Process: processViewSchema,
  InstanceStatus: instanceStatusSchema,
  ErrorGroup: errorViewSchema,
  ErrorOccurrence: errorOccurrenceSchema,
  LogLine: logEntrySchema,
  LostLines: lostEntrySchema,
  Entry: entrySchema,
  TerminalSession: terminalSessionSchema,
  Group: groupViewSchema,
  Run: runViewSchema,
  Message: messageViewSchema,
  Task: taskSchema,
  Module: moduleViewSchema,
  AuditRow: auditRowSchema,
  ContractCheck: checkViewSchema,
  Caller: callerSchema,
};

function page<Item>(item: z.ZodType<Item>): z.ZodType<Page<Item>> {
  return z.object({
    items: z.array(item),
    first: positionSchema.nullable(),
    last: positionSchema.nullable(),
    more: z.boolean(),
  });
}

const logPage = page(z.union([logEntrySchema, lostEntrySchema]));
const errorList = z.object({ errors: z.array(errorViewSchema) });

/** The schema of each call's answer. */
export const apiAnswerSchemas: { readonly [Name in APICallName]: z.ZodType<APIAnswer<Name>> } = {
  "process.list": z.object({ processes: z.array(processViewSchema) }),
  "process.status": processViewSchema,
  "process.start": processViewSchema,
  "process.stop": processViewSchema,
  "process.restart": processViewSchema,
  "errors.list": errorList,
  "errors.get": errorList,
  "errors.occurrences": page(errorOccurrenceSchema),
  "logs.list": logPage,
  "logs.get": logPage,
  "entries.list": page(entrySchema),
  "workers.list": z.object({ workers: z.array(workerViewSchema) }),
  "workers.get": z.object({ worker: workerViewSchema, processes: z.array(processViewSchema) }),
  "workers.health": z.object({ health }),
  "terminals.list": page(terminalSessionSchema),
  "terminals.ticket": z.object({ ticket: text, expiresAtMs: time }),
  "groups.list": z.object({ groups: z.array(groupViewSchema) }),
  "groups.get": groupViewSchema,
  "runs.list": page(runViewSchema),
  "runs.get": runViewSchema,
  "runs.cancel": z.object({ cancelled: z.literal(true) }),
  "messages.list": page(messageViewSchema),
  "messages.send": z.object({ id: text, isNew: z.boolean() }),
  "tasks.list": z.object({ tasks: z.array(taskSchema) }),
  "tasks.get": taskSchema,
  "tasks.change": taskSchema,
  "modules.list": z.object({ modules: z.array(moduleViewSchema) }),
  "contract.get": z.object({ check: checkViewSchema.nullable() }),
  "contract.check": z.object({ check: checkViewSchema }),
  "audit.list": page(auditRowSchema),
  "house.status": z.object({
    version: text,
    home: text,
    pid: count.nullable(),
    startedAtMs: time,
    engine: nullable,
    position: positionSchema,
    workers: z.record(z.enum(workerStates), count),
    processes: z.object({ running: count, crashed: count, other: count }),
    groups: count,
    store: z.object({ bytes: count, logRows: count, trouble: nullable }),
  }),
  "access.me": callerSchema,
  "tokens.list": z.object({
    tokens: z.array(z.object({ name: text, role: z.enum(roles), createdAtMs: time })),
  }),
  "tokens.add": z.object({ name: text, role: z.enum(roles), token: text }),
  "tokens.remove": z.object({ removed: z.literal(true) }),
};
