import { cp, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openHome } from "../../../../src/agents/home/home.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

test("a home keeps its label when it is moved or reached by a link; a copy has another", async () => {
  const directory = await temporaryDirectory();
  const { label } = await openHome(join(directory, "home"), { create: true });
  expect(label).toMatch(/^[0-9a-f]{16}$/);
  await cp(join(directory, "home"), join(directory, "copy"), { recursive: true });
  await rename(join(directory, "home"), join(directory, "moved"));
  await symlink(join(directory, "moved"), join(directory, "link"));
  const labelOf = async (name: string): Promise<string> => (await openHome(join(directory, name), { create: false })).label;
  expect([await labelOf("moved"), await labelOf("link")]).toEqual([label, label]);
  expect(await labelOf("copy")).not.toBe(label);
});

test.each([
  ["", "/", /root of the file system/],
  ["file", "file", /not a directory/],
  ["missing", "missing", /not there/],
  ["comma", "a,b", /character/],
])("a home that is %s is refused with its own reason", async (_, path, reason) => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, "file"), "");
  await mkdir(join(directory, "a,b"));
  const place = path === "/" ? "/" : join(directory, path);
  await expect(openHome(place, { create: false })).rejects.toMatchObject({
    code: "HOME_INVALID",
    message: expect.stringMatching(reason),
    next: expect.stringMatching(/\S/),
  });
});

test("where the system makes no directories, making a home ends with an error", async () => {
  await expect(openHome("/proc/novabot/home", { create: true })).rejects.toMatchObject({ code: "HOME_INVALID" });
});
