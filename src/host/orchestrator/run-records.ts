import { watch } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import { openHostDirectory } from "../../agents/home/host-directory.ts";
import { findRecord, KEPT_RECORDS, listRecords } from "../../agents/run/records.ts";
import { messageOf } from "../../model/errors.ts";
import type { RunRecord } from "../../model/run.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";
import type { Told, ToldToStore } from "./told-to-store.ts";

/** Some file systems tell of no changes. */
const LOOK_EVERY_MS = 30_000;
const LOOK_AT = 100;
/** A record's file: its start as digits, then the run's id. */
const recordName = /^\d+-([a-z0-9]+)\.json$/;

/**
 * Takes the records of the home's runs into the store: those that are there, and each that comes, whichever process of the home carried the run. Gives
 * what ends it. `onNew` is called for each that the store did not have.
 */
export async function takeRunRecords(options: {
  readonly home: Home;
  readonly store: Store;
  readonly into: ToldToStore;
  readonly logger: Logger;
  readonly onNew: (record: RunRecord) => void;
  readonly everyMs?: number;
}): Promise<() => Promise<void>> {
  const { home, store, into, logger, onNew } = options;
  const host = await openHostDirectory(home);
  await (await host.ensureDirectory("runs", 0o700)).close();
  await host.close();
  const known = new Set<string>();
  const take = (record: RunRecord): void => {
    if (known.has(record.id)) return;
    known.add(record.id);
    // In one turn, and so in one transaction: at the next start a row says that all of it was told.
    into.keepRuns(record);
    into.tell(...toldOf(record));
    onNew(record);
  };

  const had = new Set((await store.runs({ limit: KEPT_RECORDS })).items.map(({ id }) => id));
  // A store that is new here takes over what was before it, and tells of none of it as if it happened now.
  const isNew = had.size === 0 && store.position === 0;
  const over = new AbortController();
  const watcher = watch(join(home.host, "runs"), { persistent: false }, (_, name) => {
    const id = recordName.exec(name ?? "")?.[1];
    // One that was removed meanwhile, or is not whole: the next look finds it if it is there.
    if (id !== undefined && !known.has(id)) findRecord(home, id).then(take, () => undefined);
  });
  watcher.on("error", (error) => logger.warn({ reason: messageOf(error) }, "changes of the runs' records are not told"));

  const before = await listRecords(home, { limit: KEPT_RECORDS });
  // The files are the newest by their start, the rows by when they were taken: a run may be in the store all the same.
  if (!isNew) for (const { id } of before) if (!had.has(id) && (await store.run(id))?.id === id) had.add(id);
  // What retention took out may have its file still.
  const { runsUpToMs } = await store.takenOut();
  for (const { id, startedAt } of before) if (!had.has(id) && Date.parse(startedAt) <= (runsUpToMs ?? -1)) had.add(id);
  const missed = before.filter(({ id }) => !had.has(id) && !known.has(id)).toReversed();
  for (const { id } of before) if (isNew || had.has(id)) known.add(id);
  if (isNew && missed.length > 0) {
    into.keepRuns(...missed);
    for (const record of missed) onNew(record);
  } else for (const record of missed) take(record);

  const looking = (async () => {
    while (!over.signal.aborted) {
      await delay(options.everyMs ?? LOOK_EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined);
      if (over.signal.aborted) return;
      const newest = await listRecords(home, { limit: LOOK_AT }).catch(() => []);
      for (const record of newest.toReversed()) take(record);
    }
  })();
  return async () => {
    over.abort();
    watcher.close();
    await looking;
    // Runs of this process end just before; their files are there, and nobody may have heard of them yet.
    for (const record of (await listRecords(home, { limit: LOOK_AT })).toReversed()) take(record);
  };
}

function toldOf(record: RunRecord): Told[] {
  const { id: run, group, outcome, error, denied, startedAt, durationMs } = record;
  const atMs = Date.parse(startedAt) + durationMs;
  const why = error ?? record.result?.split("\n", 1)[0]?.slice(0, 200) ?? "";
  return [
    ...denied.map((denial): Told => ({ group, run, atMs, event: { type: "denied", ...denial } })),
    { group, run, atMs, event: { type: "run", what: "settled", outcome, why } },
  ];
}
