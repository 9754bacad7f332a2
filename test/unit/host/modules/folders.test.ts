import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ContractModule } from "../../../../src/contract/declaration/contract.ts";
import { prepareFolders } from "../../../../src/host/modules/folders.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "novabot-folders-"));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const prepare = async (sources: Readonly<Record<string, boolean>>, shiftsIDs = false): Promise<void> => {
  const mounts = Object.entries(sources).map(([source, readonly]) => ({ source: join(folder, "m", source), readonly }));
  await mkdir(join(folder, "m"), { recursive: true });
  await prepareFolders({ folder: join(folder, "m"), mounts } as unknown as ContractModule, { uid: 1001, gid: 1001, shiftsIDs });
};

test("folders are made for the container's user, and a file that is only read stays a file", async () => {
  await mkdir(join(folder, "m/conf"), { recursive: true });
  await writeFile(join(folder, "m/conf/app.yaml"), "a: 1\n");
  await prepare({ data: false, "deep/er": false, "conf/app.yaml": true, "../other": false });
  const root = process.getuid?.() === 0;
  expect(await stat(join(folder, "m/deep/er"))).toMatchObject({ uid: root ? 1001 : process.getuid?.(), mode: 0o40750 });
  expect((await stat(join(folder, "m/deep"))).uid).toBe(process.getuid?.());
  expect((await stat(join(folder, "m/conf/app.yaml"))).isFile()).toBe(true);
  expect(await readdir(folder)).toEqual(["m"]);
});

test("a link that a container put on the way is refused, and what it leads to stays as it is", async () => {
  await mkdir(join(folder, "target"), { mode: 0o700 });
  await mkdir(join(folder, "m/data"), { recursive: true });
  for (const path of ["m/data/inner", "m/media"]) await symlink(join(folder, "target"), join(folder, path));
  const before = await stat(join(folder, "target"));
  for (const source of ["data/inner", "data/inner/deep", "media"]) {
    for (const shiftsIDs of [false, true]) {
      await expect(prepare({ [source]: false }, shiftsIDs)).rejects.toMatchObject({ code: "HOME_UNSAFE_PATH" });
    }
  }
  const { uid, gid, mode } = before;
  expect(await stat(join(folder, "target"))).toMatchObject({ uid, gid, mode });
  expect(await readdir(join(folder, "target"))).toEqual([]);
});

test("a folder that the person has put elsewhere by a link of their own is theirs to decide", async () => {
  await mkdir(join(folder, "real"));
  await symlink(join(folder, "real"), join(folder, "m"));
  await prepare({ data: false });
  expect(await readdir(join(folder, "real"))).toEqual(["data"]);
});
