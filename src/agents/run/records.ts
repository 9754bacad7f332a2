import { NovaError, quote } from "../../model/errors.ts";
import { agentKind, type Group } from "../../model/group.ts";
import { runRecordSchema, type RunRecord } from "../../model/run.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { Home } from "../home/home.ts";

const limitBytes = 1024 * 1024;
/** Records beyond this many are removed, oldest first, when a host starts. */
export const KEPT_RECORDS = 1000;

/** Files sort by time: the start as digits, then the run's id. */
function fileName(record: Pick<RunRecord, "id" | "startedAt">): string {
  return `${record.startedAt.replace(/\D/g, "")}-${record.id}.json`;
}

export async function writeRecord(home: Home, record: RunRecord): Promise<void> {
  const host = await HeldDirectory.find(home.root, "data", "host");
  if (!host) throw new NovaError("HOME_INVALID", "The home lost its data/host directory during a run.", { place: home.host });
  try {
    const runs = await host.ensureDirectory("runs", 0o700);
    try {
      await runs.replace(fileName(record), `${JSON.stringify(record)}\n`, 0o600);
    } finally {
      await runs.close();
    }
  } finally {
    await host.close();
  }
}

/** Records from the newest to the oldest, at most `limit`, of one group when `folder` is given. */
export async function listRecords(
  home: Home,
  options: { readonly folder?: string; readonly limit: number },
): Promise<RunRecord[]> {
  return await withRuns(home, [], async (runs) => {
    const found: RunRecord[] = [];
    for (const name of (await recordNames(runs)).toReversed()) {
      if (found.length >= options.limit) break;
      const record = await readRecord(runs, name);
      if (record && (options.folder === undefined || record.group === options.folder)) found.push(record);
    }
    return found;
  });
}

/**
 * The session that the newest run of this chat with its present agent ended in; undefined when there is none. Conversations that
 * are a task's own do not count.
 */
export async function latestSession(home: Home, group: Group): Promise<string | undefined> {
  return await withRuns(home, undefined, async (runs) => {
    for (const name of (await recordNames(runs)).toReversed()) {
      const record = await readRecord(runs, name);
      if (record?.jid !== group.jid || record.ownSession || record.agent !== agentKind(group.agent ?? "claude")) continue;
      if (record.newSessionId !== null) return record.newSessionId;
    }
    return undefined;
  });
}

/** The record whose id is `id` or begins with it. Rejects with `RUN_NOT_FOUND`, also when several begin with it. */
export async function findRecord(home: Home, id: string): Promise<RunRecord> {
  const matching = /^[a-z0-9]{4,32}$/.test(id)
    ? await withRuns(home, [], async (runs) => {
        const names = (await recordNames(runs)).filter((name) => name.split("-")[1]?.startsWith(id));
        return await Promise.all(names.slice(0, 2).map(async (name) => await readRecord(runs, name)));
      })
    : [];
  const [found, another] = matching;
  if (found && another === undefined && matching.length === 1) return found;
  throw new NovaError(
    "RUN_NOT_FOUND",
    matching.length > 1 ? `Several runs begin with ${quote(id)}.` : `There is no run ${quote(id)}.`,
    {
      place: "run",
      next: "Give at least 4 characters of an id that `novabot runs list` shows.",
    },
  );
}

/** Removes the oldest records beyond `keep`; gives how many. */
export async function pruneRecords(home: Home, keep: number = KEPT_RECORDS): Promise<number> {
  return await withRuns(home, 0, async (runs) => {
    const names = await recordNames(runs);
    const old = names.slice(0, Math.max(0, names.length - keep));
    for (const name of old) await runs.remove(name);
    return old.length;
  });
}

async function withRuns<T>(home: Home, none: T, use: (runs: HeldDirectory) => Promise<T>): Promise<T> {
  const runs = await HeldDirectory.find(home.root, "data", "host", "runs");
  if (!runs) return none;
  try {
    return await use(runs);
  } finally {
    await runs.close();
  }
}

async function recordNames(runs: HeldDirectory): Promise<string[]> {
  return (await runs.names()).filter((name) => /^\d+-[a-z0-9]+\.json$/.test(name)).toSorted();
}

async function readRecord(runs: HeldDirectory, name: string): Promise<RunRecord | undefined> {
  try {
    const text = await runs.read(name, limitBytes);
    if (text === undefined) return undefined;
    return runRecordSchema.parse(JSON.parse(text));
  } catch {
    // A record of another version, one cut short by a full disk, or no file at all: the others are still worth showing.
    return undefined;
  }
}
