import type { Kyselify } from "drizzle-orm/kysely";
import {
  type CompiledQuery,
  DummyDriver,
  type Generated,
  Kysely,
  type RawBuilder,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import type * as schema from "./schema.ts";

/** The tables as Kysely sees them, from the same declarations that the migrations are made of. */
export interface Tables {
  workers: Kyselify<typeof schema.workers>;
  containers: Kyselify<typeof schema.containers>;
  instances: Kyselify<typeof schema.instances>;
  logs: Kyselify<typeof schema.logs>;
  log_words: LogWords;
  process_events: Kyselify<typeof schema.processEvents>;
  errors: Kyselify<typeof schema.errors>;
  error_occurrences: Kyselify<typeof schema.errorOccurrences>;
  /** Its rows' own numbers are the cursors of its pages. */
  terminal_sessions: Kyselify<typeof schema.terminalSessions> & { rowid: Generated<number> };
  groups: Kyselify<typeof schema.groups>;
  runs: Kyselify<typeof schema.runs>;
  house_events: Kyselify<typeof schema.houseEvents>;
  messages: Kyselify<typeof schema.messages>;
  scheduled_tasks: Kyselify<typeof schema.scheduledTasks>;
  modules: Kyselify<typeof schema.modules>;
  checks: Kyselify<typeof schema.checks>;
  audit: Kyselify<typeof schema.audit>;
  usage: Kyselify<typeof schema.usage>;
  moments: Kyselify<typeof schema.moments>;
  marks: Kyselify<typeof schema.marks>;
}

/** Tables whose rows have positions. */
export const placed = ["logs", "process_events", "error_occurrences", "house_events", "runs", "messages", "audit"] as const;

/** The full-text index of `logs.text`, which keeps no text itself: `rowid` is the line's position. */
interface LogWords {
  rowid: number;
  text: string;
  /** Words for the line's worker, instance and level. */
  source: string;
  /** What `MATCH` is asked of, and where its commands go. */
  log_words: string;
}

/** Builds and types statements; it runs none: a `Database` does. */
export const build: Kysely<Tables> = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

export type SQLValue = string | number | null;

/** What Kysely's builder gives, or what `sql` does. */
type Statement<Row> = { compile(builder: Kysely<Tables>): CompiledQuery<Row> };

class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * A statement that is compiled once and run with other values each time: `make` gets what stands in a value's place. What it holds beside those
 * stays as it is.
 */
export function prepare<Values extends Readonly<Record<string, SQLValue>>, Row = Record<string, unknown>>(
  make: (value: <Name extends keyof Values & string>(name: Name) => RawBuilder<Values[Name]>) => Statement<Row>,
): (values: Values) => CompiledQuery<Row> {
  const compiled = make((name) => sql`${new Placeholder(name)}`).compile(build);
  return (values) => ({
    ...compiled,
    parameters: compiled.parameters.map((value) => (value instanceof Placeholder ? values[value.name] : value)),
  });
}
