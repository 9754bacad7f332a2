import { mkdirSync, watch, type FSWatcher } from "node:fs";
import { readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { NovaError, quote } from "../../model/errors.ts";
import type { Home } from "../home/home.ts";
import type { Presence } from "../turns/presence.ts";

/** A run that goes on, as any process of its home sees it. */
export interface LiveEntry {
  readonly run: string;
  /** The group's folder. */
  readonly group: string;
  /** The presence of the host that carries it. */
  readonly host: string;
  /** ISO 8601 in UTC. */
  readonly startedAt: string;
}

const entrySchema: z.ZodType<LiveEntry> = z.object({
  run: z.string(),
  group: z.string(),
  host: z.string(),
  startedAt: z.string(),
});
const runID = /^[0-9a-f]{12}$/;
/** How often a host looks for what it was asked even though no change was reported: some file systems report none. */
const lookAgainMs = 500;

// No container sees these directories, so paths are as good as descriptors.
const liveDirectory = (home: Home): string => join(home.host, "live");
const cancelDirectory = (home: Home): string => join(home.host, "cancel");

/** The runs that go on in a home, whichever of its hosts carries them, oldest first. */
export async function liveRuns(home: Home, presence: Pick<Presence, "isAlive">): Promise<LiveEntry[]> {
  const entries = await Promise.all((await namesIn(liveDirectory(home))).map(async (name) => await readEntry(home, name)));
  return entries
    .filter((entry) => entry !== undefined)
    .filter(({ host }) => presence.isAlive(host))
    .toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** Asks whichever host carries the run to cancel it; does not wait for its end. Rejects with `RUN_NOT_FOUND`. */
export async function requestCancel(home: Home, run: string): Promise<void> {
  if (!runID.test(run) || !(await namesIn(liveDirectory(home))).includes(`${run}.json`)) {
    throw new NovaError("RUN_NOT_FOUND", `No run ${quote(run)} is going on.`, {
      place: "run",
      next: "See `novabot runs list` for runs that are over.",
    });
  }
  mkdirSync(cancelDirectory(home), { recursive: true, mode: 0o700 });
  await writeFile(join(cancelDirectory(home), run), "", { mode: 0o600 });
}

/** Removes what dead hosts left of their runs, and wishes about runs that are over; gives how many runs. */
export async function sweepLiveRuns(home: Home, presence: Pick<Presence, "isAlive">): Promise<number> {
  let dead = 0;
  const alive = new Set<string>();
  for (const name of await namesIn(liveDirectory(home))) {
    const entry = await readEntry(home, name);
    if (entry && presence.isAlive(entry.host)) {
      alive.add(entry.run);
      continue;
    }
    await rm(join(liveDirectory(home), name), { force: true });
    dead += 1;
  }
  for (const name of await namesIn(cancelDirectory(home)))
    if (!alive.has(name)) await rm(join(cancelDirectory(home), name), { force: true });
  return dead;
}

/** A host's own runs: lists them for other processes, and hears what those ask. */
export class OwnRuns {
  readonly #home: Home;
  readonly #cancels = new Map<string, () => void>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(home: Home) {
    this.#home = home;
  }

  /** Lists a run until the returned function is called; `cancel` is called when another process asks for it. */
  begin(entry: LiveEntry, cancel: () => void): () => Promise<void> {
    this.#watch();
    this.#cancels.set(entry.run, cancel);
    const path = join(liveDirectory(this.#home), `${entry.run}.json`);
    // Not waited for: a run begins whether it can be listed or not.
    const listed = this.#list(path, entry).catch(() => undefined);
    return async () => {
      this.#cancels.delete(entry.run);
      await listed;
      await rm(path, { force: true });
      await rm(join(cancelDirectory(this.#home), entry.run), { force: true });
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  async #list(path: string, entry: LiveEntry): Promise<void> {
    const temporary = join(liveDirectory(this.#home), `.${entry.run}`);
    await writeFile(temporary, JSON.stringify(entry), { mode: 0o600 });
    await rename(temporary, path);
  }

  #watch(): void {
    if (this.#timer) return;
    for (const directory of [liveDirectory(this.#home), cancelDirectory(this.#home)])
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#timer = setInterval(() => void this.#look(), lookAgainMs).unref();
    try {
      this.#watcher = watch(cancelDirectory(this.#home), { persistent: false }, () => void this.#look());
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch {
      // The system has no watchers left: the timer alone is slower, and does.
    }
  }

  async #look(): Promise<void> {
    if (!this.#cancels.size) return;
    for (const name of await namesIn(cancelDirectory(this.#home))) this.#cancels.get(name)?.();
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).filter((name) => !name.startsWith("."));
}

async function readEntry(home: Home, name: string): Promise<LiveEntry | undefined> {
  try {
    return entrySchema.parse(JSON.parse(await readFile(join(liveDirectory(home), name), "utf8")));
  } catch {
    // Its run has just ended, or its host was killed while it wrote.
    return undefined;
  }
}
