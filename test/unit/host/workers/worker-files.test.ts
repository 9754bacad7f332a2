import { existsSync, lstatSync } from "node:fs";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentUser } from "../../../../src/agents/home/agent-user.ts";
import type { Home } from "../../../../src/agents/home/home.ts";
import {
  findWorker,
  forgetWorker,
  newToken,
  prepareWorker,
  readWorker,
  removeWorkerDirectory,
  workerDirectories,
  workerNames,
  writeWorker,
} from "../../../../src/host/workers/worker-files.ts";
import type { KeptWorker } from "../../../../src/workers/worker.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const isRoot = process.getuid?.() === 0;
const own: AgentUser = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, isGiven: false, shifted: false, why: "" };
const given: AgentUser = isRoot ? { uid: 1000, gid: 1000, isGiven: true, shifted: false, why: "" } : own;

function worker(name: string): KeptWorker {
  return {
    name,
    token: newToken(),
    settings: {
      image: "novabot-worker:latest",
      argv: [],
      instance: "app",
      port: null,
      env: {},
      network: "open",
      memoryBytes: 2 ** 30,
      cpus: 1,
      pids: 64,
    },
    state: "up",
    published: null,
    startedAtMs: 1,
  };
}

test("a worker is kept for the owner alone, found again, and forgotten", async () => {
  const home: Home = await temporaryHome();
  expect(await workerNames(home)).toEqual([]);
  await expect(findWorker(home, "web")).rejects.toMatchObject({ code: "WORKER_NOT_FOUND" });
  await expect(findWorker(home, "../web")).rejects.toMatchObject({ code: "WORKER_NOT_FOUND" });
  const web = worker("web");
  await writeWorker(home, web);
  await writeWorker(home, worker("api"));
  expect(await workerNames(home)).toEqual(["api", "web"]);
  expect(await findWorker(home, "web")).toEqual(web);
  expect((await stat(join(home.host, "workers/web.json"))).mode & 0o777).toBe(0o600);
  await forgetWorker(home, "web");
  expect(await workerNames(home)).toEqual(["api"]);
});

test("what is kept and cannot be read is told with its place", async () => {
  const home = await temporaryHome();
  await writeWorker(home, worker("web"));
  const file = join(home.host, "workers/web.json");
  for (const text of ["", "{", '{"name":"web"}', JSON.stringify({ ...worker("web"), token: "short" })]) {
    await writeFile(file, text);
    await expect(readWorker(home, "web")).rejects.toMatchObject({ code: "WORKER_INVALID", place: file });
  }
});

test("directories are the container's user's, and the token is in a file that only that user reads", async () => {
  const home = await temporaryHome();
  const web = worker("web");
  expect(await prepareWorker(home, web, given)).toEqual({ app: true, data: true });
  expect(await prepareWorker(home, web, given)).toEqual({ app: false, data: false });
  const { app, data, key } = workerDirectories(home, "web");
  for (const directory of [app, data]) expect((await stat(directory)).uid).toBe(given.uid);
  const token = await stat(join(key, "token"));
  expect([token.uid, token.mode & 0o777]).toEqual([given.uid, 0o400]);
  expect(await readFile(join(key, "token"), "utf8")).toBe(`${web.token}\n`);
  expect((await stat(join(home.host, "workers"))).mode & 0o777).toBe(0o700);
});

test("links in their places are not followed, neither for making nor for removing", async () => {
  const home = await temporaryHome();
  const elsewhere = join(home.root, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, "precious"), "");
  await mkdir(join(home.root, "workers"));
  await symlink(elsewhere, join(home.root, "workers/trap"));
  await expect(prepareWorker(home, worker("trap"), own)).rejects.toMatchObject({ code: "HOME_UNSAFE_PATH" });
  await removeWorkerDirectory(home, "trap", "app");
  expect(existsSync(join(elsewhere, "precious"))).toBe(true);
  await prepareWorker(home, worker("web"), own);
  const { data } = workerDirectories(home, "web");
  await mkdir(join(data, "records"));
  await symlink(elsewhere, join(data, "records/link"));
  await removeWorkerDirectory(home, "web", "data");
  expect(existsSync(data)).toBe(false);
  expect(lstatSync(join(elsewhere, "precious")).isFile()).toBe(true);
  await removeWorkerDirectory(home, "web", "data");
});
