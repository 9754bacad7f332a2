import { readdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileRecordings } from "../../../../src/host/orchestrator/recordings.ts";
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
