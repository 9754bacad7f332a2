import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { extract } from "tar-stream";
import { type ContextEntry, entriesSize, hashEntries, packContext } from "../../../../src/host/images/context.ts";

let directory: string;
let entries: ContextEntry[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-context-"));
  const file = join(directory, "big");
  await writeFile(file, Buffer.alloc(3_000_000, "x"));
  entries = [
    { path: "Dockerfile", mode: 0o644, content: "FROM scratch\n" },
    { path: "usr/bin/é", mode: 0o755, file },
    { path: "usr/bin/link", link: "é" },
  ];
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

test("the same entries give the same bytes, which unpack to what went in", async () => {
  const counts: number[] = [];
  const [one, two] = await Promise.all([
    buffer(packContext(entries, (bytes) => counts.push(bytes))),
    buffer(packContext(entries)),
  ]);
  expect(one.equals(two)).toBe(true);
  expect(counts.at(-1)).toBe(one.length);
  const seen: unknown[] = [];
  const archive = extract();
  archive.end(one);
  for await (const entry of archive) {
    const { name, mode, uid, mtime, linkname } = entry.header;
    seen.push([name, mode, uid, mtime?.getTime(), linkname, (await buffer(entry)).length]);
  }
  expect(seen).toEqual([
    ["Dockerfile", 0o644, 0, 0, null, 13],
    ["usr/bin/é", 0o755, 0, 0, null, 3_000_000],
    ["usr/bin/link", 0o777, 0, 0, "é", 0],
  ]);
  expect(await entriesSize(entries)).toBe(3_000_013);
});

test("a file that cannot be read destroys the stream with the reason", async () => {
  await expect(buffer(packContext([{ path: "x", mode: 0o644, file: join(directory, "none") }]))).rejects.toThrow("ENOENT");
});

test("the hash is of what the entries say", async () => {
  const hash = await hashEntries(entries, { a: 1 });
  expect(await hashEntries([...entries], { a: 1 })).toBe(hash);
  expect(await hashEntries(entries, { a: 2 })).not.toBe(hash);
  expect(await hashEntries(entries.slice(0, 2), { a: 1 })).not.toBe(hash);
  const copy = join(directory, "copy");
  await writeFile(copy, Buffer.alloc(3_000_000, "x"));
  expect(
    await hashEntries(
      entries.map((entry) => ("file" in entry ? { ...entry, file: copy } : entry)),
      { a: 1 },
    ),
  ).toBe(hash);
  await writeFile(copy, "changed");
  expect(
    await hashEntries(
      entries.map((entry) => ("file" in entry ? { ...entry, file: copy } : entry)),
      { a: 1 },
    ),
  ).not.toBe(hash);
});

test("what became a link is not followed out of the directory in which files must lie", async () => {
  const within = join(await realpath(directory), "pages");
  const outside = join(directory, "outside");
  await mkdir(join(within, "rules"), { recursive: true });
  await mkdir(outside);
  for (const folder of [join(within, "rules"), outside]) await writeFile(join(folder, "page.md"), folder);
  const file = join(within, "rules/page.md");
  const entry: ContextEntry = { path: "rules/page.md", mode: 0o644, file, within };
  const told = async (): Promise<unknown[]> =>
    await Promise.all(
      [hashEntries([entry], {}), buffer(packContext([entry]))].map(async (work) => await work.catch((error: unknown) => error)),
    );
  expect(await told()).toEqual([expect.any(String), expect.any(Buffer)]);

  const refused = { code: "IMAGE_BUILD_FAILED", place: file };
  await rename(file, `${file}.old`);
  await symlink(join(outside, "page.md"), file);
  expect(await told()).toEqual([expect.objectContaining(refused), expect.objectContaining(refused)]);
  await rename(join(within, "rules"), join(within, "moved"));
  await symlink(outside, join(within, "rules"));
  expect(await told()).toEqual([expect.objectContaining(refused), expect.objectContaining(refused)]);
});
