import { expect, test } from "vitest";
import { editRows } from "../../../../src/secrets/edit/edit.ts";
import type { PlainRow } from "../../../../src/secrets/sops/document.ts";

const rows: PlainRow[] = [
  { kind: "value", name: "with.dot", value: "a", written: "sealed 1" },
  { kind: "value", name: "SLASHED", value: "a\\nb", written: "sealed 2" },
  { kind: "value", name: "C", value: "c", written: "sealed 3" },
];

const edit = async (editor: string): ReturnType<typeof editRows> =>
  await editRows({
    rows,
    path: "/x/y.env",
    editor,
    env: process.env,
    isTerminal: false,
    onMistake: async () => await Promise.resolve(false),
  });

test("values that were not changed stay what they are, also where their text could mean another", async () => {
  expect(await edit("sed -i s/C=c/C=d/")).toEqual([rows[0], rows[1], { kind: "value", name: "C", value: "d" }]);
});

test("names that sops takes stay, and new ones must be a variable's", async () => {
  expect(await edit("sed -i /C=/d")).toEqual([rows[0], rows[1]]);
  await expect(edit("sed -i s/C=/C.C=/")).rejects.toMatchObject({ code: "SECRETS_INVALID" });
  await expect(edit("sed -i s/C=/sops_c=/")).rejects.toMatchObject({ code: "SECRETS_INVALID" });
  await expect(edit("sed -i s/C=/SLASHED=/")).rejects.toMatchObject({ code: "SECRETS_INVALID" });
});

test("a line that came to stand in the wrong place is told by its number alone", async () => {
  const thrown: unknown = await edit("sed -i '$acanary+/=='").catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "SECRETS_INVALID", place: "the edited text of /x/y.env:4" });
  expect(JSON.stringify(thrown) + String(thrown)).not.toContain("canary");
});

test("an editor that does nothing or fails changes nothing", async () => {
  expect(await edit("true")).toBeUndefined();
  await expect(edit("false")).rejects.toMatchObject({ place: "EDITOR" });
  await expect(edit("truncate -s 0")).rejects.toMatchObject({ message: expect.stringContaining("empty") as string });
  await expect(edit("rm")).rejects.toMatchObject({ place: "EDITOR" });
  await expect(edit("/nowhere/editor 2>/dev/null")).rejects.toMatchObject({ place: "EDITOR" });
});
