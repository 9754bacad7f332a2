import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { hasCode, NovaError } from "../../model/errors.ts";

/**
 * One entry of a build context or archive. Directories are made as needed by whoever unpacks it. A file that others may write beside is
 * read only when it lies `within` that directory (a real path, no link) at the moment when it is opened.
 */
export type ContextEntry =
  | { readonly path: string; readonly mode: number; readonly content: Uint8Array | string }
  | { readonly path: string; readonly mode: number; readonly file: string; readonly within?: string }
  | { readonly path: string; readonly link: string };

const EPOCH = new Date(0);

/** Hashes what entries say, so that the same sources give the same text; a file's own bytes count, not its path on the host. */
export async function hashEntries(entries: readonly ContextEntry[], facts: unknown): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  for (const entry of entries) {
    hash.update(JSON.stringify([entry.path, "link" in entry ? entry.link : entry.mode]));
    if ("content" in entry) hash.update(createHash("sha256").update(entry.content).digest());
    else if ("file" in entry) {
      const inner = createHash("sha256");
      await pipeline((await openFile(entry)).createReadStream(), inner);
      hash.update(inner.digest());
    }
  }
  return hash.digest("hex").slice(0, 32);
}

async function openFile({ file, within }: { readonly file: string; readonly within?: string }): Promise<FileHandle> {
  if (within === undefined) return await open(file);
  const outside = (): NovaError =>
    new NovaError("IMAGE_BUILD_FAILED", `${file} became something else than a file of the build's context.`, {
      place: file,
      next: "Look at who changes the directory, then build again.",
    });
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch((thrown: unknown) => {
    throw hasCode(thrown, "ELOOP") ? outside() : thrown;
  });
  try {
    const place = process.platform === "linux" ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(file);
    if (!(await handle.stat()).isFile() || !place.startsWith(`${within}${sep}`)) throw outside();
    return handle;
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

async function append(archive: Pack, entry: ContextEntry): Promise<void> {
  const header = { name: entry.path, uid: 0, gid: 0, uname: "root", gname: "root", mtime: EPOCH };
  if ("link" in entry) {
    archive.entry({ ...header, type: "symlink", linkname: entry.link, mode: 0o777 });
  } else if ("content" in entry) {
    archive.entry({ ...header, mode: entry.mode }, Buffer.from(entry.content as Uint8Array));
  } else {
    const file = await openFile(entry);
    const { size } = await file.stat();
    await pipeline(file.createReadStream({ highWaterMark: 1 << 20 }), archive.entry({ ...header, mode: entry.mode, size }));
  }
}

/** How many bytes of content `entries` hold. */
export async function entriesSize(entries: readonly ContextEntry[]): Promise<number> {
  let bytes = 0;
  for (const entry of entries) {
    if ("content" in entry) bytes += Buffer.byteLength(entry.content);
    else if ("file" in entry) bytes += (await stat(entry.file)).size;
  }
  return bytes;
}

/**
 * Entries as a tar stream that is the same to the byte for the same entries: no clock, no owner, in the order given.
 * `onBytes` gets the number of bytes read from it so far. An entry that cannot be read destroys the stream with its error.
 */
export function packContext(entries: readonly ContextEntry[], onBytes?: (bytes: number) => void): Readable {
  const archive = pack();
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onBytes?.(bytes);
      done(null, chunk);
    },
  });
  const write = async (): Promise<void> => {
    for (const entry of entries) await append(archive, entry);
    archive.finalize();
  };
  // The counter carries the error to whoever reads it; the promises only must not go unhandled.
  write().catch((error: Error) => archive.destroy(error));
  pipeline(archive, counter).catch((error: Error) => counter.destroy(error));
  return counter;
}
