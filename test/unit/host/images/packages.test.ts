import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packContext } from "../../../../src/host/images/context.ts";
import { readArchive } from "../../../../src/host/images/packages.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-archive-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const packed = async (): Promise<Buffer> =>
  gzipSync(await buffer(packContext([{ path: "package/a", mode: 0o644, content: Buffer.alloc(200_000, "x") }])));

test("an archive's entries are read", async () => {
  const file = join(directory, "good.tgz");
  await writeFile(file, await packed());
  const seen: unknown[] = [];
  await readArchive(file, async (entry) => void seen.push([entry.header.name, (await buffer(entry)).length]));
  expect(seen).toEqual([["package/a", 200_000]]);
});

test.each([
  ["is not there", undefined],
  ["is not compressed", async () => Buffer.from("plain")],
  ["was cut short", async () => (await packed()).subarray(0, 100)],
  ["cannot be read", "directory"],
] as const)("one that %s is named, with what to do", async (name, content) => {
  const file = content === "directory" ? directory : join(directory, `${name}.tgz`);
  if (typeof content === "function") await writeFile(file, await content());
  await expect(readArchive(file, async (entry) => void (await buffer(entry)))).rejects.toMatchObject({
    code: "IMAGE_BUILD_FAILED",
    place: file,
    message: expect.stringContaining(file) as string,
  });
});
