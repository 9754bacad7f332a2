import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { readGroups } from "../../../../src/agents/groups/registry.ts";
import { registerGroups } from "../../../../src/host/up/bring-up.ts";
import type { Group } from "../../../../src/model/group.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const group = (folder: string, changes: Partial<Group> = {}): Group => ({
  ...{ folder, jid: `local:${folder}`, name: folder, isMain: folder === "main" },
  ...changes,
});

test("groups that are missing are registered, and those that are there stay as they are", async () => {
  const home = await temporaryHome();
  expect(await registerGroups(home, [])).toEqual([]);
  const wanted = [group("main"), group("family", { agent: "demo" })];
  expect(await registerGroups(home, wanted)).toEqual([
    { what: "group", name: "main", result: "added", note: null },
    { what: "group", name: "family", result: "added", note: null },
  ]);
  expect(await readGroups(home)).toEqual(wanted);

  // As a person wrote it: not even its form is another afterwards.
  const own = '{"local:family": {"name": "Us", "folder": "family"}}';
  await writeFile(home.registry, own);
  expect(await registerGroups(home, [group("family", { agent: "demo" })])).toEqual([
    { what: "group", name: "family", result: "was up", note: null },
  ]);
  expect(await readFile(home.registry, "utf8")).toBe(own);
});

test("a folder or a chat that another group has is told, and keeps no other from being registered", async () => {
  const home = await temporaryHome();
  await registerGroups(home, [group("family")]);
  const told = await registerGroups(home, [
    group("Family", { jid: "local:other" }),
    group("work", { jid: "local:family" }),
    group("club"),
  ]);
  expect(told).toEqual([
    { what: "group", name: "Family", result: "was up", note: "its folder is registered as family for the chat local:family" },
    { what: "group", name: "work", result: "failed", note: "the chat local:family belongs to the group family" },
    { what: "group", name: "club", result: "added", note: null },
  ]);
  expect((await readGroups(home)).map(({ folder }) => folder)).toEqual(["family", "club"]);
});
