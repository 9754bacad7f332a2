import { createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Home } from "../../agents/home/home.ts";
import { hasCode } from "../../model/errors.ts";
import type { Recordings } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";

/** Of all recordings; beyond it the oldest go. */
const MOST_BYTES = 4_294_967_296;
/** That wait for a disk which does not keep up: a terminal never waits for its recording. */
const MOST_WAITING = 33_554_432;
/** So long a recording stays of which no session's row speaks. */
const UNSPOKEN_MS = 86_400_000;
/** Sessions that are asked for at once. */
const ASKED = 500;
const NAME = /^[0-9a-f-]{36}\.cast$/;

/** Recordings of terminals, one asciicast file each, in the home's `data/host/recordings`. */
export function fileRecordings(home: Home, mostBytes: number = MOST_BYTES): Recordings {
  const directory = join(home.host, "recordings");
  return {
    async create(id) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await makeRoom(directory, mostBytes);
      const name = `${id}.cast`;
      const file = createWriteStream(join(directory, name), { flags: "wx", mode: 0o600 });
      await once(file, "open");
      const done = finished(file);
      let missed = 0;
      done.catch(() => undefined);
      return {
        write(text) {
          if (file.writableLength > MOST_WAITING) missed += 1;
          else if (file.writable) file.write(text);
        },
        async end() {
          file.end();
          await done;
          if (missed > 0) throw new Error(`the disk was too slow for ${missed} events of it`);
          return name;
        },
      };
    },
    async read(name) {
      if (!NAME.test(name)) return null;
      const file = createReadStream(join(directory, name));
      try {
        await once(file, "open");
      } catch (error) {
        if (hasCode(error, "ENOENT")) return null;
        throw error;
      }
      return Readable.toWeb(file) as ReadableStream<Uint8Array>;
    },
  };
}

interface RecordingFile {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
}

async function recordingFiles(directory: string): Promise<readonly RecordingFile[]> {
  const names = (await readdir(directory)).filter((name) => NAME.test(name));
  const files = await Promise.all(
    names.map(async (name) => {
      // One may go meanwhile.
      const stats = await lstat(join(directory, name)).catch(() => null);
      return stats?.isFile() === true ? [{ name, size: stats.size, mtimeMs: stats.mtimeMs }] : [];
    }),
  );
  return files.flat();
}

async function makeRoom(directory: string, mostBytes: number): Promise<void> {
  const files = await recordingFiles(directory);
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of files.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (bytes <= mostBytes) return;
    await rm(join(directory, name), { force: true });
    bytes -= size;
  }
}

/** Removes the recordings whose session the store knows nothing of, or no more: a recording goes with its session. Gives how many. */
export async function removeUnspoken(
  home: Home,
  store: Pick<Store, "knownTerminals">,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  const directory = join(home.host, "recordings");
  const files = await recordingFiles(directory).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  // A file is made before its session's row.
  const old = files.filter(({ mtimeMs }) => mtimeMs < nowMs - UNSPOKEN_MS).map(({ name }) => name);
  let gone = 0;
  for (let at = 0; at < old.length && !signal.aborted; at += ASKED) {
    const names = old.slice(at, at + ASKED);
    const known = new Set(await store.knownTerminals(names.map(idOf)));
    for (const name of names.filter((one) => !known.has(idOf(one)))) {
      await rm(join(directory, name), { force: true });
      gone += 1;
    }
  }
  return gone;
}

const idOf = (name: string): string => name.slice(0, -".cast".length);
