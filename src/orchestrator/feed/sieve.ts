import type { Entry, EntryFilter } from "../../model/entry.ts";

/** A filter made ready for many entries. */
export interface Sieve {
  /** Of filters that take the same. */
  readonly key: string;
  /** False: nothing that comes from there is taken. */
  takesSource(worker: string | null, container: string | null): boolean;
  /** Where nothing but the source decides, all of a source is taken or nothing. */
  readonly bySourceAlone: boolean;
  /** Of an entry whose source is taken. */
  takes(entry: Entry): boolean;
}

/** Conditions on levels and streams are conditions on logs: entries of other kinds are left to `kinds`. */
export function sieveOf(filter: EntryFilter): Sieve {
  const workers = setOf(filter.workers);
  const containers = setOf(filter.containers);
  const kinds = setOf(filter.kinds);
  const instances = setOf(filter.instances);
  const groups = setOf(filter.groups);
  const runs = setOf(filter.runs);
  const levels = setOf(filter.levels);
  const streams = setOf(filter.streams);
  const has = (set: ReadonlySet<string> | null, value: string | null): boolean =>
    set === null || (value !== null && set.has(value));
  const given = { workers, containers, kinds, instances, groups, runs, levels, streams };
  return {
    key: JSON.stringify(Object.entries(given).flatMap(([name, set]) => (set === null ? [] : [[name, ...[...set].toSorted()]]))),
    takesSource: (worker, container) => has(workers, worker) && has(containers, container),
    bySourceAlone: [kinds, instances, groups, runs, levels, streams].every((set) => set === null),
    takes: (entry) =>
      has(kinds, entry.kind) &&
      has(instances, entry.instance) &&
      has(groups, entry.group) &&
      has(runs, entry.run) &&
      (entry.kind !== "log" || (has(levels, entry.level) && has(streams, entry.stream))),
  };
}

function setOf(values: readonly string[] | undefined): ReadonlySet<string> | null {
  return values === undefined ? null : new Set(values);
}
