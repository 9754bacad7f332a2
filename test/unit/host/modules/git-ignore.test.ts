import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readContract } from "../../../../src/contract/declaration/read.ts";
import { gitIgnoreFor } from "../../../../src/host/modules/git-ignore.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const taken = ["compose.yaml", "conf/start.mjs", ".env"];
const secret = [
  ".env.local",
  ".env.server",
  "..env.local.novabot-0123456789ab",
  ".#.env.server",
  ".novabot-back-0123456789ab.yaml",
  "data/store.sqlite",
  "logs/waha.log",
];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "novabot-git-ignore-"));
  execFileSync("git", ["init", "-q", folder]);
  for (const path of [...taken, ...secret]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), "");
  }
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** What `git add .` takes. */
function added(): string[] {
  execFileSync("git", ["-C", folder, "add", "."]);
  const paths = execFileSync("git", ["-C", folder, "ls-files"], { encoding: "utf8" }).trim().split("\n");
  return paths.filter((path) => path !== ".gitignore").toSorted();
}

test("`git add .` takes neither secrets nor what a killed process has left of writing them", async () => {
  const { modules } = await readContract(join(root, "contract.yaml"));
  const waha = modules.find(({ name }) => name.endsWith("-waha"));
  if (!waha) throw new Error("the contract has no module waha");
  await writeFile(join(folder, ".gitignore"), gitIgnoreFor(waha));
  expect(gitIgnoreFor(waha)).toMatch(/^\/\.env\.local\n\/\.env\.server\n\/data\n/);
  expect(added()).toEqual(taken.toSorted());
});

test.each(["whatsapp-adapter-waha", "whatsapp-adapter-docs"])("nor from the checkout's own %s", async (module) => {
  const modules = join(root, "modules", module);
  for (const path of [".gitignore", "data/.gitignore", "logs/.gitignore"])
    await copyFile(join(modules, path), join(folder, path));
  expect(added()).toEqual([...taken, "data/.gitignore", "logs/.gitignore"].toSorted());
});
