import { type RawBuilder, sql } from "kysely";
import { build, prepare } from "./tables.ts";

// The statements that take a batch in. `rows` is a JSON array of arrays; jsonb_each hands each of those on without writing it out as text again.

/** A boot of a container. */
type Of = Readonly<Record<"worker" | "container" | "boot", string>>;
type Rows = Of & { readonly rows: string };
/** `first`: the position of the batch's first record; each row begins with its offset from it. */
type PlacedRows = Rows & { readonly first: number };

type OfValue = (name: keyof Of) => RawBuilder<string>;
type RowsValue = (name: keyof Rows) => RawBuilder<string>;

const source = (value: OfValue): RawBuilder<unknown> => sql`${value("worker")}, ${value("container")}, ${value("boot")}`;

/** How far the boot's records are kept; the same for all rows of a statement, and therefore looked up once. */
const watermark = (value: OfValue): RawBuilder<number> => sql`coalesce((
  select last_seq from containers
  where worker_name = ${value("worker")} and container_name = ${value("container")} and boot_id = ${value("boot")}), 0)`;

/** The rows that are new. */
const fresh = (value: RowsValue): RawBuilder<unknown> =>
  sql`from jsonb_each(${value("rows")}) where value ->> 1 > ${watermark(value)}`;

/** How far the boot's records are kept. */
export const readWatermark = prepare<Of>((value) =>
  build
    .selectFrom("containers")
    .select("last_seq")
    .where("worker_name", "=", value("worker"))
    .where("container_name", "=", value("container"))
    .where("boot_id", "=", value("boot")),
);

/** Of lines whose numbers follow on `seq` and places on `first`: atMs, instance, stream, level, text. */
export const insertRun = prepare<PlacedRows & { readonly seq: number }>(
  (value) => sql`
  insert into logs (position, worker_name, container_name, boot_id, seq, at_ms, instance_id, stream, level, text)
  select ${value("first")} + key, ${source(value)}, ${value("seq")} + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
  from jsonb_each(${value("rows")}) where key > ${watermark(value)} - ${value("seq")}`,
);

/** Of other lines and lost records: offset, seq, atMs, instance, stream, level, text, more. */
export const insertLines = prepare<PlacedRows>(
  (value) => sql`
  insert into logs (position, worker_name, container_name, boot_id, seq, at_ms, instance_id, stream, level, text, more)
  select ${value("first")} + (value ->> 0), ${source(value)}, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
    value ->> 6, value ->> 7
  ${fresh(value)}`,
);

/** Of events: offset, seq, atMs, instance, event, and the status of an `instance`, "" of a `removed`, null of others. */
export const insertEvents = prepare<PlacedRows>(
  (value) => sql`
  insert into process_events (position, worker_name, container_name, boot_id, seq, at_ms, instance_id, event)
  select ${value("first")} + (value ->> 0), ${source(value)}, value ->> 1, value ->> 2, value ->> 3, value ->> 4
  ${fresh(value)}`,
);

/** The same rows: what they say of instances, unless something later is known. A removed one keeps the status that it had. */
export const putInstances = prepare<Rows>(
  (value) => sql`
  insert into instances (worker_name, container_name, boot_id, seq, as_of_ms, instance_id, status, removed)
  select ${source(value)}, value ->> 1, value ->> 2, value ->> 3, value ->> 5, value ->> 5 = ''
  ${fresh(value)} and value ->> 5 is not null and value ->> 3 is not null
  on conflict (worker_name, container_name, instance_id) do update set
    boot_id = excluded.boot_id, seq = excluded.seq, as_of_ms = excluded.as_of_ms, removed = excluded.removed,
    status = iif(excluded.removed, instances.status, excluded.status)
  where iif(excluded.boot_id = instances.boot_id, excluded.seq > instances.seq, excluded.as_of_ms >= instances.as_of_ms)`,
);

/** Of errors: offset, seq, atMs, instance, fingerprint, count, group, firstSeenMs, lastSeenMs, category, severity, source, name, message. */
export const insertOccurrences = prepare<PlacedRows>(
  (value) => sql`
  insert into error_occurrences
    (position, worker_name, container_name, boot_id, seq, at_ms, instance_id, fingerprint, count, error_group)
  select ${value("first")} + (value ->> 0), ${source(value)}, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
    value ->> 6
  ${fresh(value)}`,
);

/** The same rows, by their fingerprint. A worker counts from zero in each boot; here the count goes on. */
export const putErrors = prepare<Rows>(
  (value) => sql`
  insert into errors
    (worker_name, container_name, boot_id, instance_id, fingerprint, count, boot_count, last, first_seen_ms, last_seen_ms, category,
    severity, source, name, message)
  select ${source(value)}, value ->> 3, value ->> 4, value ->> 5, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9,
    value ->> 10, value ->> 11, value ->> 12, value ->> 13
  ${fresh(value)}
  on conflict (worker_name, container_name, instance_id, fingerprint) do update set
    count = errors.count + max(0, excluded.boot_count - iif(excluded.boot_id = errors.boot_id, errors.boot_count, 0)),
    boot_count = iif(excluded.boot_id = errors.boot_id, max(errors.boot_count, excluded.boot_count), excluded.boot_count),
    boot_id = excluded.boot_id, last = excluded.last, category = excluded.category, severity = excluded.severity,
    source = excluded.source, name = excluded.name, message = excluded.message,
    first_seen_ms = min(errors.first_seen_ms, excluded.first_seen_ms), last_seen_ms = max(errors.last_seen_ms, excluded.last_seen_ms)`,
);

/** Counts the lines that were put in just now: those with the batch's positions. Gives the worker's row. */
export const countUsage = prepare<{ readonly worker: string; readonly first: number; readonly upTo: number }>(
  (value) => sql`
  insert into usage (worker_name, log_rows, log_bytes)
  select ${value("worker")}, count(*), coalesce(sum(octet_length(text) + coalesce(octet_length(more), 0)), 0)
  from logs where position between ${value("first")} and ${value("upTo")}
  on conflict (worker_name) do update set
    log_rows = usage.log_rows + excluded.log_rows, log_bytes = usage.log_bytes + excluded.log_bytes
  returning worker_name, log_rows, log_bytes, lines_from`,
);

export const moveWatermark = prepare<Of & Readonly<Record<"seq" | "position" | "nowMs", number>>>((value) =>
  build
    .insertInto("containers")
    .values({
      worker_name: value("worker"),
      container_name: value("container"),
      boot_id: value("boot"),
      last_seq: value("seq"),
      last_position: value("position"),
      first_seen_ms: value("nowMs"),
      last_seen_ms: value("nowMs"),
    })
    .onConflict((conflict) =>
      conflict.columns(["worker_name", "container_name", "boot_id"]).doUpdateSet({
        last_seq: sql`max(containers.last_seq, excluded.last_seq)`,
        last_position: sql`excluded.last_position`,
        last_seen_ms: sql`excluded.last_seen_ms`,
      }),
    ),
);

/** Of events of the house: offset, atMs, worker, container, instance, group, run, event. */
export const insertHouseEvents = prepare<{ readonly first: number; readonly rows: string }>(
  (value) => sql`
  insert into house_events (position, at_ms, worker_name, container_name, instance_id, group_folder, run_id, event)
  select ${value("first")} + (value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
  from jsonb_each(${value("rows")})`,
);
