import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

// The tables of the orchestrator. What comes out of a container has worker_name and container_name in its row. Positions come from one count over
// all tables whose rows are entries. Times are milliseconds since 1970.
// A table's type is what Drizzle makes of its declaration; written out it would stand there twice, so this folder has no isolatedDeclarations.

const worker = () => text("worker_name").notNull();
const container = () => text("container_name").notNull();

export const workers = sqliteTable("workers", {
  workerName: text("worker_name").primaryKey(),
  containerName: text("container_name"),
  state: text("state").notNull(),
  sinceMs: integer("since_ms").notNull(),
  why: text("why").notNull(),
  bootID: text("boot_id"),
  bootedAtMs: integer("booted_at_ms"),
  version: text("version"),
  image: text("image"),
  engine: text("engine"),
});

/** Every container that was ever linked, with its boots: `last_seq` is how far its records are kept. */
export const containers = sqliteTable(
  "containers",
  {
    workerName: worker(),
    containerName: container(),
    bootID: text("boot_id").notNull(),
    lastSeq: integer("last_seq").notNull(),
    lastPosition: integer("last_position").notNull(),
    firstSeenMs: integer("first_seen_ms").notNull(),
    lastSeenMs: integer("last_seen_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.workerName, table.containerName, table.bootID] })],
);

export const instances = sqliteTable(
  "instances",
  {
    workerName: worker(),
    containerName: container(),
    instanceID: text("instance_id").notNull(),
    asOfMs: integer("as_of_ms").notNull(),
    /** The record that told it, or the last one before the hello that did. */
    bootID: text("boot_id").notNull(),
    seq: integer("seq").notNull(),
    /** InstanceStatus as JSON. */
    status: text("status").notNull(),
    removed: integer("removed").notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.workerName, table.containerName, table.instanceID] }),
    index("instances_by_id").on(table.instanceID),
  ],
);

export const logs = sqliteTable(
  "logs",
  {
    position: integer("position").primaryKey(),
    workerName: worker(),
    containerName: container(),
    bootID: text("boot_id").notNull(),
    seq: integer("seq").notNull(),
    atMs: integer("at_ms").notNull(),
    instanceID: text("instance_id"),
    stream: text("stream"),
    level: text("level"),
    text: text("text").notNull(),
    /** What seldom stands in a line: raw, part, unended; of a lost record all its numbers. JSON, or null. */
    more: text("more"),
  },
  (table) => [index("logs_by_instance").on(table.workerName, table.instanceID, table.position)],
);

export const processEvents = sqliteTable(
  "process_events",
  {
    position: integer("position").primaryKey(),
    workerName: worker(),
    containerName: container(),
    bootID: text("boot_id"),
    seq: integer("seq"),
    atMs: integer("at_ms").notNull(),
    instanceID: text("instance_id"),
    event: text("event").notNull(),
  },
  (table) => [index("process_events_by_instance").on(table.workerName, table.instanceID, table.position)],
);

export const errors = sqliteTable(
  "errors",
  {
    workerName: worker(),
    containerName: container(),
    instanceID: text("instance_id").notNull(),
    fingerprint: text("fingerprint").notNull(),
    category: text("category").notNull(),
    severity: text("severity").notNull(),
    source: text("source").notNull(),
    name: text("name").notNull(),
    message: text("message").notNull(),
    /** Over all boots. */
    count: integer("count").notNull(),
    /** The boot that told of it last, and the count in that boot. */
    bootID: text("boot_id").notNull(),
    bootCount: integer("boot_count").notNull(),
    firstSeenMs: integer("first_seen_ms").notNull(),
    lastSeenMs: integer("last_seen_ms").notNull(),
    /** The whole ErrorGroup of the last time, as JSON. */
    last: text("last").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workerName, table.containerName, table.instanceID, table.fingerprint] }),
    index("errors_by_time").on(table.lastSeenMs),
    index("errors_by_instance").on(table.instanceID, table.lastSeenMs),
  ],
);

export const errorOccurrences = sqliteTable(
  "error_occurrences",
  {
    position: integer("position").primaryKey(),
    workerName: worker(),
    containerName: container(),
    bootID: text("boot_id").notNull(),
    seq: integer("seq").notNull(),
    atMs: integer("at_ms").notNull(),
    instanceID: text("instance_id").notNull(),
    fingerprint: text("fingerprint").notNull(),
    /** Of the group in its boot. */
    count: integer("count").notNull(),
    /** The ErrorGroup as JSON. */
    group: text("error_group").notNull(),
  },
  (table) => [index("error_occurrences_by_group").on(table.workerName, table.instanceID, table.fingerprint, table.position)],
);

export const terminalSessions = sqliteTable(
  "terminal_sessions",
  {
    id: text("id").primaryKey(),
    workerName: worker(),
    containerName: text("container_name"),
    session: text("session"),
    instanceID: text("instance_id"),
    who: text("who").notNull(),
    readonly: integer("readonly").notNull(),
    openedAtMs: integer("opened_at_ms").notNull(),
    endedAtMs: integer("ended_at_ms"),
    why: text("why"),
    bytesIn: integer("bytes_in").notNull().default(0),
    bytesOut: integer("bytes_out").notNull().default(0),
    /** Of the recording that the orchestrator's host keeps; null where none was made. */
    recording: text("recording"),
  },
  (table) => [index("terminal_sessions_by_worker").on(table.workerName, table.openedAtMs)],
);

export const groups = sqliteTable("groups", {
  folder: text("folder").primaryKey(),
  jid: text("jid").notNull(),
  name: text("name").notNull(),
  isMain: integer("is_main").notNull(),
  agent: text("agent").notNull(),
  network: text("network").notNull(),
  removedAtMs: integer("removed_at_ms"),
});

export const runs = sqliteTable(
  "runs",
  {
    id: text("id").primaryKey(),
    position: integer("position").notNull(),
    group: text("group_folder").notNull(),
    startedAtMs: integer("started_at_ms").notNull(),
    durationMs: integer("duration_ms").notNull(),
    outcome: text("outcome").notNull(),
    containerName: container(),
    costUSD: real("cost_usd"),
    inputTokens: integer("input_tokens"),
    outputTokens: integer("output_tokens"),
    denied: integer("denied").notNull(),
    /** The RunRecord as JSON. */
    record: text("record").notNull(),
  },
  (table) => [uniqueIndex("runs_by_position").on(table.position), index("runs_by_group").on(table.group, table.position)],
);

/** Entries of the house itself: runs, messages, modules, checks, links. */
export const houseEvents = sqliteTable(
  "house_events",
  {
    position: integer("position").primaryKey(),
    atMs: integer("at_ms").notNull(),
    workerName: text("worker_name"),
    containerName: text("container_name"),
    instanceID: text("instance_id"),
    group: text("group_folder"),
    run: text("run_id"),
    event: text("event").notNull(),
  },
  (table) => [index("house_events_by_group").on(table.group, table.position)],
);

export const messages = sqliteTable(
  "messages",
  {
    direction: text("direction").notNull(),
    chatJid: text("chat_jid").notNull(),
    id: text("id").notNull(),
    position: integer("position").notNull(),
    group: text("group_folder"),
    run: text("run_id"),
    sender: text("sender").notNull(),
    kind: text("kind").notNull(),
    text: text("text").notNull(),
    atMs: integer("at_ms").notNull(),
    state: text("state").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.direction, table.chatJid, table.id] }),
    uniqueIndex("messages_by_position").on(table.position),
    index("messages_by_group").on(table.group, table.position),
  ],
);

export const scheduledTasks = sqliteTable("scheduled_tasks", {
  id: text("id").primaryKey(),
  group: text("group_folder").notNull(),
  status: text("status").notNull(),
  nextAtMs: integer("next_at_ms"),
  /** The ScheduledTask as JSON. */
  task: text("task").notNull(),
});

export const modules = sqliteTable("modules", {
  module: text("module").primaryKey(),
  state: text("state").notNull(),
  why: text("why").notNull(),
  sinceMs: integer("since_ms").notNull(),
  containers: text("containers").notNull(),
});

export const checks = sqliteTable("checks", {
  atMs: integer("at_ms").primaryKey(),
  outcome: text("outcome").notNull(),
  broken: integer("broken").notNull(),
  unknown: integer("unknown").notNull(),
  report: text("report").notNull(),
});

export const audit = sqliteTable(
  "audit",
  {
    position: integer("position").primaryKey(),
    atMs: integer("at_ms").notNull(),
    who: text("who").notNull(),
    door: text("door").notNull(),
    what: text("what").notNull(),
    workerName: text("worker_name"),
    containerName: text("container_name"),
    subject: text("subject"),
    result: text("result").notNull(),
    facts: text("facts").notNull(),
  },
  (table) => [index("audit_by_who").on(table.who, table.position)],
);

/** Counts of a worker's logs for retention, kept by what puts in and takes out. */
export const usage = sqliteTable("usage", {
  workerName: text("worker_name").primaryKey(),
  logRows: integer("log_rows").notNull(),
  logBytes: integer("log_bytes").notNull(),
  /** Up to here entries of this worker have been taken out. */
  droppedUpTo: integer("dropped_up_to").notNull().default(0),
  /** Up to here none of its lines are left. */
  linesFrom: integer("lines_from").notNull().default(0),
});

/** When positions were given, now and then, by the orchestrator's own clock: the age of rows, whatever their senders' clocks say. */
export const moments = sqliteTable("moments", {
  atMs: integer("at_ms").primaryKey(),
  /** All positions up to it were given by then. */
  position: integer("position").notNull(),
});

/**
 * `position`: the newest that was given; `indexed`: how far `log_words` reaches; `dropped`: the newest position that retention took out of any table;
 * `aged`: all entries up to it are older than they are kept; `runs gone`: the latest start of a run that was taken out; `audit line gone`: where the line
 * ended of the newest row that was, in the commands' file; `terminal`: the greatest number of a session that was.
 */
export const marks = sqliteTable("marks", {
  name: text("name").primaryKey(),
  value: integer("value").notNull(),
});
