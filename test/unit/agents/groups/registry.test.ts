import { readFile, readdir, writeFile, mkdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { changeGroups, checkGroup, findGroup, parseGroups, readGroups } from "../../../../src/agents/groups/registry.ts";
import type { Group } from "../../../../src/model/group.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const family: Group = { jid: "123@g.us", name: "Family", folder: "family", isMain: false };

test.each([
  "",
  ".",
  "..",
  "../etc",
  "a/b",
  "/etc",
  "-rf",
  "_x",
  ".hidden",
  "a b",
  "a\nb",
  "a\0b",
  "ä",
  "a.b",
  "a:b",
  "a,b",
  "$(id)",
  "global",
  "MAIN",
  "GLOBAL",
  "x".repeat(65),
])("the folder name %j is refused", (folder) => {
  expect(() => checkGroup("1@g.us", { name: "n", folder }, "here")).toThrow(
    expect.objectContaining({
      code: expect.stringMatching(/FOLDER_INVALID|GROUP_INVALID/),
      place: expect.stringContaining("here"),
    }),
  );
});

test.each(["a", "A-b_9", "main", "x".repeat(64), "globally"])("the folder name %j is taken", (folder) => {
  expect(checkGroup("1@g.us", { name: "n", folder }, "here")).toMatchObject({ folder, isMain: folder === "main" });
});

test.each(["", "__proto__", "-a@g.us", "a b@g.us", "../x", "a/b", "a\n", "a\0", "ä@g.us", "x".repeat(129), "$(id)", "'a'"])(
  "the chat id %j is refused",
  (jid) => {
    expect(() => checkGroup(jid, { name: "n", folder: "f" }, "here")).toThrow(expect.objectContaining({ code: "JID_INVALID" }));
  },
);

test.each(["1234567890@g.us", "49123:7@s.whatsapp.net", "123-456@g.us", "status@broadcast", "local:alice", "constructor"])(
  "the chat id %j is taken",
  (jid) => {
    expect(checkGroup(jid, { name: "n", folder: "f" }, "here").jid).toBe(jid);
  },
);

test.each([
  [{ folder: "f" }, "name"],
  [{ name: "n", folder: "f", extra: 1 }, "extra"],
  [{ name: "a\u001b[31m", folder: "f" }, "name"],
  [{ name: "n", folder: "f", containerConfig: { timeout: "5" } }, "containerConfig.timeout"],
  [{ name: "n", folder: "f", containerConfig: { timeout: -1 } }, "containerConfig.timeout"],
  [{ name: "n", folder: "f", containerConfig: { Memory: "2g" } }, "Memory"],
  [{ name: "n", folder: "f", containerConfig: { network: "host" } }, "containerConfig.network"],
  [{ name: "n", folder: "f", containerConfig: { env: ["A B"] } }, "containerConfig.env.0"],
  [{ name: "n", folder: "f", agent: { command: [] } }, "agent"],
  [{ name: "n", folder: "f", agent: "gpt" }, "agent"],
])("the settings %j are refused, and the field is named", (entry, field) => {
  expect(() => checkGroup("1@g.us", entry, "here")).toThrow(
    expect.objectContaining({ code: "GROUP_INVALID", message: expect.stringContaining(field) }),
  );
});

test("the network that was called default once is named by its new name", () => {
  const text = '{"1@g.us": {"name": "a", "folder": "f", "containerConfig": {"network": "default"}}}';
  expect(() => parseGroups(text, "here")).toThrow(
    expect.objectContaining({
      code: "REGISTRY_INVALID",
      message: expect.stringMatching(/network is "default": .*"open" is what "default" was/),
      place: 'here, entry "1@g.us", containerConfig.network',
    }),
  );
});

test.each([
  ["{", /not JSON/],
  ["[]", /not an object/],
  ["null", /not an object/],
  ['{"1@g.us": {"name":"a","folder":"f"}, "2@g.us": {"name":"b","folder":"F"}}', /same folder/],
])("a broken registry %j is told and never written over", async (text, reason) => {
  const home = await temporaryHome();
  await mkdir(home.data);
  await writeFile(home.registry, text);
  await expect(readGroups(home)).rejects.toMatchObject({
    code: "REGISTRY_INVALID",
    message: expect.stringMatching(reason),
    place: home.registry,
  });
  await expect(changeGroups(home, () => [family])).rejects.toMatchObject({ code: "REGISTRY_INVALID" });
  expect(await readFile(home.registry, "utf8")).toBe(text);
  expect(await readdir(home.data)).toEqual(["registered_groups.json"]);
});

test("what is written is read again, and a change that is not valid changes nothing", async () => {
  const home = await temporaryHome();
  expect(await readGroups(home)).toEqual([]);
  const main: Group = {
    jid: "me@s.whatsapp.net",
    name: "Me",
    folder: "main",
    isMain: true,
    agent: { command: ["cat"] },
    containerConfig: { memory: "2g" },
  };
  await changeGroups(home, () => [family, main]);
  expect(await readGroups(home)).toEqual([family, main]);
  const before = await readFile(home.registry, "utf8");
  await expect(changeGroups(home, (groups) => [...groups, { ...family, jid: "other@g.us" }])).rejects.toMatchObject({
    code: "REGISTRY_INVALID",
  });
  expect(await readFile(home.registry, "utf8")).toBe(before);
});

test("the requirement's own example is a valid registry", () => {
  const text = `{ "1234567890@g.us": { "name": "Dev Team", "folder": "dev-team", "containerConfig": { "additionalMounts": [
    { "hostPath": "~/projects/webapp", "containerPath": "webapp", "readonly": false } ] } } }`;
  expect(parseGroups(text, "registry")).toMatchObject([{ jid: "1234567890@g.us", folder: "dev-team" }]);
});

test("a group is found by folder, chat id and single name", () => {
  const groups = [family, { ...family, jid: "9@g.us", folder: "other" }];
  expect(findGroup(groups, "family")).toBe(family);
  expect(findGroup(groups, "123@g.us")).toBe(family);
  expect(() => findGroup(groups, "Family")).toThrow(
    expect.objectContaining({ code: "GROUP_NOT_FOUND", message: expect.stringContaining("2 groups") }),
  );
  expect(() => findGroup(groups, "nobody")).toThrow(
    expect.objectContaining({ message: expect.stringContaining("family, other") }),
  );
});
