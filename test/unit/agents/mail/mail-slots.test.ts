import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { link, mkdir, open, readFile, readdir, rm, stat, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { changeGroups, readGroups, type GroupsChange } from "../../../../src/agents/groups/registry.ts";
import { deliverTask } from "../../../../src/agents/mail/delivery.ts";
import { KEPT_ERRORS } from "../../../../src/agents/mail/errors-directory.ts";
import type { Group } from "../../../../src/model/group.ts";
import { MAIL_LIMITS } from "../../../../src/model/mail.ts";
import { openMailStage } from "../../../fixtures/mail.ts";
import { stopwatch } from "../../../fixtures/own-lateness.ts";

const isRoot = process.getuid?.() === 0;
const soon = { timeout: 10_000, interval: 20 };

test("mail arrives within a second, in the order of the names, under the identity of its directory", async () => {
  const stage = await openMailStage("main", "family");
  await stage.say("family", "before the start");
  await stage.start();
  await expect.poll(() => stage.texts(), soon).toEqual(["before the start"]);
  for (let count = 0; count < 10; count += 1) {
    const took = stopwatch();
    await stage.say("family", `number ${count}`);
    await expect.poll(() => stage.posted.length, { timeout: 5000, interval: 2 }).toBe(count + 2);
    expect(took()).toBeLessThan(1000);
  }
  await stage.put("main", "messages", "z.json", { type: "message", text: "to them", chatJid: "family@g.us" });
  await expect
    .poll(() => stage.posted.at(-1), soon)
    .toMatchObject({
      chatJid: "family@g.us",
      kind: "mail",
      group: "main",
      run: "run-of-main",
    });
  expect(stage.posted[0]).toMatchObject({ chatJid: "family@g.us", group: "family", run: null });
  expect(stage.texts().slice(1, 11)).toEqual(Array.from({ length: 10 }, (_, count) => `number ${count}`));
  await expect.poll(async () => await readdir(stage.path("family", "messages")), soon).toEqual([]);
});

test("what a group may do", async () => {
  const stage = await openMailStage("main", "family", "other");
  await stage.start();
  const schedule = { type: "cron", value: "0 9 * * *" };
  await stage.put("family", "tasks", "own.json", { type: "schedule", prompt: "Look.", schedule });
  await expect.poll(() => stage.tasks.list("owner").length, soon).toBe(1);
  const id = stage.tasks.list("owner")[0]?.id;
  const forbidden: Record<string, readonly ["messages" | "tasks", unknown, string]> = {
    "a.json": ["messages", { type: "message", text: "hi", chatJid: "family@g.us" }, "MAIL_FORBIDDEN"],
    "b.json": ["tasks", { type: "schedule", prompt: "Do.", schedule, group: "family" }, "MAIL_FORBIDDEN"],
    "c.json": ["tasks", { type: "cancel", task: id }, "TASK_NOT_FOUND"],
    "d.json": ["tasks", { type: "update", task: id, prompt: "Mine." }, "TASK_NOT_FOUND"],
    "e.json": ["tasks", { type: "register_group", jid: "new@g.us", name: "New", folder: "new" }, "MAIL_FORBIDDEN"],
    "f.json": ["tasks", { type: "schedule", prompt: "Do.", schedule, from: "main" }, "MAIL_INVALID"],
    "g.json": ["messages", { type: "message", text: "hi", group: "main" }, "MAIL_INVALID"],
    "h.json": ["tasks", { type: "schedule", prompt: "Do.", schedule: { type: "interval", value: 5 } }, "TASK_INVALID"],
    "i.json": ["messages", { type: "message", text: "x".repeat(MAIL_LIMITS.text + 1) }, "MAIL_INVALID"],
  };
  for (const [name, [slot, mail]] of Object.entries(forbidden)) await stage.put("other", slot, name, mail);
  const codes = Object.fromEntries(
    Object.entries(forbidden).map(([name, [, , code]]) => [name, expect.objectContaining({ code })]),
  );
  await expect.poll(async () => await stage.errors("other"), soon).toEqual(codes);
  expect(stage.posted).toEqual([]);
  expect(stage.tasks.list("owner")).toHaveLength(1);
  expect(stage.tasks.get(String(id), "owner").status).toBe("active");
  await stage.put("main", "tasks", "a.json", { type: "pause", task: id });
  await stage.put("main", "tasks", "b.json", { type: "schedule", prompt: "Do.", schedule, group: "other" });
  await stage.put("main", "messages", "c.json", { type: "message", text: "hi", chatJid: "stranger@g.us" });
  await expect
    .poll(() => stage.tasks.list("owner").map(({ group, status }) => [group, status]), soon)
    .toEqual([
      ["family", "paused"],
      ["other", "active"],
    ]);
  await expect.poll(async () => await stage.errors("main"), soon).toMatchObject({ "c.json": { code: "GROUP_NOT_FOUND" } });
});

test("main registers groups by name and folder alone, and takes nobody's folder", async () => {
  const stage = await openMailStage("main", "family");
  await stage.start();
  await mkdir(`${stage.home.data}/sessions/old`, { recursive: true });
  await writeFile(`${stage.home.data}/sessions/old/chat`, "old@g.us\n");
  const register = (jid: string, folder: string, more = {}) => ({ type: "register_group", jid, name: "New", folder, ...more });
  await stage.put("main", "tasks", "a.json", register("new@g.us", "new"));
  await stage.put("main", "tasks", "b.json", register("new@g.us", "new"));
  await stage.put("main", "tasks", "c.json", register("evil@g.us", "FAMILY"));
  await stage.put("main", "tasks", "d.json", register("evil@g.us", "../up"));
  await stage.put("main", "tasks", "e.json", register("evil@g.us", "global"));
  await stage.put("main", "tasks", "f.json", register("evil@g.us", "old"));
  await stage.put("main", "tasks", "g.json", register("evil@g.us", "evil", { containerConfig: { network: "open" } }));
  await stage.put("main", "tasks", "h.json", register("family@g.us", "elsewhere"));
  await expect
    .poll(async () => await stage.errors("main"), soon)
    .toEqual({
      "c.json": expect.objectContaining({ code: "GROUP_EXISTS" }),
      "d.json": expect.objectContaining({ code: "FOLDER_INVALID" }),
      "e.json": expect.objectContaining({ code: "FOLDER_INVALID" }),
      "f.json": expect.objectContaining({ code: "FOLDER_TAKEN" }),
      "g.json": expect.objectContaining({ code: "MAIL_INVALID" }),
      "h.json": expect.objectContaining({ code: "GROUP_EXISTS" }),
    });
  expect((await readGroups(stage.home)).map(({ jid, folder }) => [jid, folder])).toEqual([
    ["main@g.us", "main"],
    ["family@g.us", "family"],
    ["new@g.us", "new"],
  ]);
  // Its slots are read from then on.
  await stage.say("new", "here I am");
  await expect.poll(() => stage.posted, soon).toMatchObject([{ chatJid: "new@g.us", text: "here I am" }]);
});

test("main cannot register groups without an end", async () => {
  const stage = await openMailStage("main");
  const many = Array.from({ length: 499 }, (_, index) => ({
    jid: `${index}@g.us`,
    name: "x",
    folder: `x${index}`,
    isMain: false,
  }));
  const groups = [...(await readGroups(stage.home)), ...many];
  const register = async (known: readonly Group[]): Promise<unknown> => {
    const editGroups = async (change: GroupsChange): Promise<readonly Group[]> => await change(known);
    const to = { home: stage.home, outbox: { post: async () => undefined }, tasks: stage.tasks, editGroups, runOf: () => null };
    return await deliverTask(
      to,
      groups[0] as Group,
      { type: "register_group", jid: "new@g.us", name: "New", folder: "new" },
      "id",
    );
  };
  await register(groups.slice(0, 499));
  await expect(register(groups)).rejects.toMatchObject({ code: "GROUP_INVALID", message: expect.stringContaining("500") });
});

test("whatever else lies in a slot is moved away with the reason, and never followed", async () => {
  const stage = await openMailStage("family", "other");
  const slot = (name: string): string => stage.path("family", "messages", name);
  await mkdir(stage.path("family", "messages"), { recursive: true });
  const secret = `${stage.home.root}/secret.json`;
  await writeFile(secret, JSON.stringify({ type: "message", text: "the secret" }));
  await symlink(secret, slot("link.json"));
  await symlink(stage.path("other"), slot("links.json"));
  await symlink("nowhere", slot("dangling.json"));
  await link(secret, slot("second-name.json"));
  execFileSync("mkfifo", [slot("fifo.json")]);
  const server = createServer().listen(slot("socket.json"));
  await once(server, "listening");
  if (isRoot) execFileSync("mknod", [slot("device.json"), "c", "1", "5"]);
  await mkdir(slot("directory.json/with/depth"), { recursive: true });
  await writeFile(slot("directory.json/with/file"), "x");
  await writeFile(slot("sparse.json"), "");
  await truncate(slot("sparse.json"), 2 ** 40);
  await writeFile(slot("huge.json"), `{"type":"message","text":"${"x".repeat(MAIL_LIMITS.fileBytes)}"}`);
  await writeFile(slot("deep.json"), "[".repeat(500_000));
  await writeFile(slot("closed-deep.json"), `${"[".repeat(500_000)}${"]".repeat(500_000)}`);
  await writeFile(slot("empty.json"), "");
  await writeFile(slot("bytes.json"), Buffer.from([0x22, 0xff, 0xfe, 0x22]));
  await writeFile(slot("array.json"), "[]");
  await writeFile(slot("proto.json"), '{"__proto__":{"type":"message","text":"hi"}}');
  await writeFile(slot("\u001b[31mred\n.json"), "x");
  await writeFile(slot(`${"n".repeat(250)}.json`), "x");
  await writeFile(Buffer.concat([Buffer.from(`${slot("")}/`), Buffer.from([0xff, 0xc0]), Buffer.from(".json")]), "x");
  // Neither is mail.
  await writeFile(slot(".hidden.json"), "x");
  await writeFile(slot("notes.txt"), "x");
  await stage.start();
  const expected = isRoot ? 19 : 18;
  await expect.poll(async () => Object.keys(await stage.errors("family")).length, soon).toBe(expected);
  const errors = await stage.errors("family");
  for (const { code, message, next } of Object.values(errors)) {
    expect(code).toBe("MAIL_INVALID");
    expect(message).not.toMatch(/[\p{Cc}]/u);
    expect(message.length).toBeLessThan(700);
    expect(next).not.toBe("");
  }
  expect(errors["link.json"]?.message).toMatch(/is a link/);
  expect(errors["fifo.json"]?.message).toMatch(/is a FIFO/);
  expect(errors["sparse.json"]?.message).toMatch(/the limit is 1048576/);
  expect(errors["second-name.json"]?.message).toMatch(/has 2 names/);
  expect(errors["bytes.json"]?.message).toMatch(/not UTF-8/);
  expect((await readdir(stage.path("family", "messages"))).toSorted()).toEqual([".hidden.json", "notes.txt"]);
  expect(stage.posted).toEqual([]);
  expect(await readFile(secret, "utf8")).toContain("the secret");
  expect((await stat(stage.path("other"))).isDirectory()).toBe(true);
  for (const name of await readdir(stage.path("family", "errors"))) expect(name).toMatch(/^[\w.-]+$/);
  server.close();
});

test("a file that is still being written is waited for", async () => {
  const stage = await openMailStage("family");
  await stage.start();
  const text = JSON.stringify({ type: "message", text: "in two parts" });
  const file = await open(stage.path("family", "messages", "slow.json"), "w");
  await file.write(text.slice(0, 10));
  await delay(700);
  await file.write(text.slice(10));
  await file.close();
  await expect.poll(() => stage.texts(), soon).toEqual(["in two parts"]);
  expect(await stage.errors("family")).toEqual({});
});

test("a file that is replaced while it is dealt with is read again; none is lost", async () => {
  const stage = await openMailStage("family");
  let replaced = 0;
  stage.onPost = async () => {
    // Between its reading and its removal.
    if (replaced >= 5) return;
    replaced += 1;
    await stage.say("family", `version ${replaced}`, "same.json");
  };
  await stage.start();
  await stage.say("family", "version 0", "same.json");
  await expect.poll(() => stage.texts(), soon).toEqual(Array.from({ length: 6 }, (_, version) => `version ${version}`));
  await expect.poll(async () => await readdir(stage.path("family", "messages")), soon).toEqual([]);
});

test("an outbox that fails loses nothing, and is asked again", async () => {
  const stage = await openMailStage("family");
  let failures = 0;
  stage.onPost = () => {
    failures += 1;
    if (failures <= 2) throw new Error("the disk is full");
  };
  await stage.start();
  await stage.say("family", "patient");
  await expect.poll(() => stage.texts(), soon).toEqual(["patient"]);
  expect(stage.warnings.filter((warning) => warning.includes("the disk is full"))).toHaveLength(1);
});

test("slots that were replaced by links, files or nothing are made anew", async () => {
  const stage = await openMailStage("family", "other");
  await stage.start();
  await stage.say("other", "its own");
  await expect.poll(() => stage.texts(), soon).toEqual(["its own"]);
  const messages = stage.path("family", "messages");
  // In one step of this process, which would make the directory anew in between.
  rmSync(messages, { recursive: true });
  symlinkSync(stage.path("other", "messages"), messages);
  await expect
    .poll(async () => (await stat(messages)).ino !== (await stat(stage.path("other", "messages"))).ino, soon)
    .toBe(true);
  await stage.say("family", "after the link");
  await expect.poll(() => stage.posted.at(-1), soon).toMatchObject({ text: "after the link", chatJid: "family@g.us" });
  rmSync(messages, { recursive: true });
  writeFileSync(messages, "no directory");
  await expect.poll(async () => (await stat(messages)).isDirectory(), soon).toBe(true);
  await rm(messages, { recursive: true });
  await expect
    .poll(
      async () =>
        await stat(messages).then(
          () => true,
          () => false,
        ),
      soon,
    )
    .toBe(true);
  await stage.say("family", "after nothing");
  await expect.poll(() => stage.posted.at(-1), soon).toMatchObject({ text: "after nothing" });
  // Another directory in its place, and errors/ that leads elsewhere.
  renameSync(messages, `${messages}.old`);
  mkdirSync(messages);
  await symlink("/", stage.path("family", "errors"));
  await writeFile(stage.path("family", "messages", "bad.json"), "{");
  await expect.poll(async () => Object.keys(await stage.errors("family")), soon).toEqual(["bad.json"]);
});

test("errors/ keeps the newest, and what an agent put there is not written over", async () => {
  const stage = await openMailStage("family");
  await stage.start();
  await mkdir(stage.path("family", "errors"), { recursive: true });
  await writeFile(stage.path("family", "errors", "0.json"), "the agent's own");
  await symlink("/etc/passwd", stage.path("family", "errors", "1.json.reason.json"));
  await mkdir(stage.path("family", "errors", "deep"));
  for (let count = 0; count < 300; count += 1) await writeFile(stage.path("family", "messages", `${count}.json`), '"no mail"');
  for (let count = 0; count < 5; count += 1) {
    await mkdir(stage.path("family", "messages", `d${count}.json`, ..."abcdef".repeat(20)), { recursive: true });
  }
  await expect.poll(async () => await readdir(stage.path("family", "messages")), { timeout: 30_000, interval: 50 }).toEqual([]);
  const names = await readdir(stage.path("family", "errors"));
  expect(names.length).toBeLessThan(2 * (KEPT_ERRORS + 30));
  expect(await readFile("/etc/passwd", "utf8")).toContain("root");
});

test("snapshots stand as they shall, whatever the agent does to them", async () => {
  const stage = await openMailStage("main", "family", "other");
  await stage.start();
  const read = async (folder: string, name: string): Promise<unknown> =>
    JSON.parse(await readFile(stage.path(folder, name), "utf8").catch(() => "null"));
  expect(await read("family", "current_tasks.json")).toEqual({ timezone: "UTC", tasks: [] });
  const schedule = { type: "cron", value: "0 9 * * *" };
  await stage.put("family", "tasks", "a.json", { type: "schedule", prompt: "x".repeat(5000), schedule });
  const own = { timezone: "UTC", tasks: [expect.objectContaining({ group: "family", prompt: `${"x".repeat(2000)}…` })] };
  await expect.poll(async () => await read("family", "current_tasks.json"), soon).toEqual(own);
  expect(await read("other", "current_tasks.json")).toEqual({ timezone: "UTC", tasks: [] });
  await expect.poll(async () => await read("main", "current_tasks.json"), soon).toMatchObject({ tasks: [{ group: "family" }] });
  expect(await read("main", "available_groups.json")).toMatchObject({
    groups: [{ folder: "main" }, { folder: "family" }, { folder: "other" }],
  });
  expect(await stat(stage.path("family", "available_groups.json")).catch(() => null)).toBeNull();
  const path = stage.path("family", "current_tasks.json");
  const isBack = async (): Promise<void> => {
    await expect.poll(async () => await read("family", "current_tasks.json").catch(() => null), soon).toEqual(own);
  };
  await unlink(path);
  await isBack();
  // Each in one step of this process, which would write the snapshot anew in between.
  rmSync(path);
  writeFileSync(path, "{}");
  await isBack();
  const target = `${stage.home.root}/target`;
  await writeFile(target, "untouched");
  rmSync(path);
  symlinkSync(target, path);
  await isBack();
  expect(await readFile(target, "utf8")).toBe("untouched");
  rmSync(path);
  mkdirSync(path);
  writeFileSync(`${path}/in-the-way`, "x");
  await isBack();
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  await changeGroups(stage.home, (groups) => [...groups, { jid: "late@g.us", name: "Late", folder: "late", isMain: false }]);
  await expect.poll(async () => await read("main", "available_groups.json"), soon).toMatchObject({ groups: { length: 4 } });
});

test("a flood in one group's slots keeps no other's mail from arriving, and is worked off at its rate", async () => {
  const stage = await openMailStage("flood", "quiet");
  const flood = stage.path("flood", "messages");
  // Messages, files that are none, and names that are not read at all; a million takes minutes to make, and is no different.
  const script = `mkdir -p "$1" && cd "$1" && seq 40000 | awk '{ print "{\\"type\\":\\"message\\",\\"text\\":\\"flood\\"}" > ("m" $1 ".json"); close("m" $1 ".json");
    print "{" > ("b" $1 ".json"); close("b" $1 ".json"); print "" > ("o" $1); close("o" $1) }'`;
  execFileSync("sh", ["-c", script, "sh", flood]);
  // It may deliver while the start goes on.
  const began = performance.now();
  await stage.start();
  for (let letter = 0; letter < 20; letter += 1) {
    const took = stopwatch();
    await stage.say("quiet", `letter ${letter}`);
    await expect.poll(() => stage.texts().includes(`letter ${letter}`), { timeout: 5000, interval: 2 }).toBe(true);
    expect(took()).toBeLessThan(1000);
  }
  const seconds = (performance.now() - began) / 1000;
  const flooded = stage.posted.filter(({ group }) => group === "flood").length;
  expect(flooded).toBeLessThan(40 + 20 * (seconds + 1));
  await expect.poll(() => stage.posted.filter(({ group }) => group === "flood").length, soon).toBeGreaterThan(flooded);
});
