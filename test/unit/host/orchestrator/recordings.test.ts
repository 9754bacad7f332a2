import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileRecordings, removeUnspoken } from "../../../../src/host/orchestrator/recordings.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const id = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

test("a recording is a file that its owner alone can read, as it was written", async () => {
  const home = await temporaryHome();
  const recordings = fileRecordings(home);
  const recording = await recordings.create(id(1));
  recording.write("one\n");
  recording.write("zwölf\n");
  const name = await recording.end();
  expect((await stat(join(home.host, "recordings", name))).mode & 0o777).toBe(0o600);
  expect(await new Response(await recordings.read(name)).text()).toBe("one\nzwölf\n");
  // Nothing is written over.
  await expect(recordings.create(id(1))).rejects.toThrow("EEXIST");
});

test("there are none of other names, and none that went", async () => {
  const recordings = fileRecordings(await temporaryHome());
  for (const name of ["../access/local-token", "local-token", `${id(1)}.cast`, `${id(1)}.cast/..`, ""])
    expect(await recordings.read(name)).toBeNull();
});

test("beyond the bound the oldest go", async () => {
  const home = await temporaryHome();
  const recordings = fileRecordings(home, 2500);
  for (const number of [1, 2, 3]) {
    const recording = await recordings.create(id(number));
    recording.write("x".repeat(1000));
    await recording.end();
    await utimes(join(home.host, "recordings", `${id(number)}.cast`), number, number);
  }
  await (await recordings.create(id(4))).end();
  expect((await readdir(join(home.host, "recordings"))).toSorted()).toEqual([2, 3, 4].map((number) => `${id(number)}.cast`));
});

test("a recording goes with its session, and nothing else that lies there", async () => {
  const home = await temporaryHome();
  const recordings = fileRecordings(home);
  const directory = join(home.host, "recordings");
  for (const number of [1, 2, 3]) await (await recordings.create(id(number))).end();
  const outside = join(home.host, `${id(4)}.cast`);
  const others = ["notes.txt", `${id(5)}.cast.bak`];
  for (const file of [outside, ...others.map((name) => join(directory, name))]) await writeFile(file, "");
  // What a link leads to is not a recording.
  await symlink(outside, join(directory, `${id(6)}.cast`));
  await mkdir(join(directory, `${id(7)}.cast`));
  const asked: string[] = [];
  const store = {
    knownTerminals: (ids: readonly string[]) => {
      asked.push(...ids);
      return Promise.resolve([id(1)]);
    },
  };
  const days = (many: number): number => Date.now() + many * 86_400_000;
  const { signal } = new AbortController();
  // The one that was just made may have its session's row yet to come.
  expect(await removeUnspoken(home, store, days(0), signal)).toBe(0);
  expect(asked).toEqual([]);
  expect(await removeUnspoken(home, store, days(2), signal)).toBe(2);
  expect(asked.toSorted()).toEqual([1, 2, 3].map(id));
  expect((await readdir(directory)).toSorted()).toEqual(
    [`${id(1)}.cast`, `${id(6)}.cast`, `${id(7)}.cast`, ...others].toSorted(),
  );
  expect(await readFile(outside, "utf8")).toBe("");
});

test("where nothing was ever recorded there is nothing to remove", async () => {
  const home = await temporaryHome();
  const store = { knownTerminals: () => Promise.reject(new Error("not asked")) };
  expect(await removeUnspoken(home, store, Date.now(), new AbortController().signal)).toBe(0);
});
