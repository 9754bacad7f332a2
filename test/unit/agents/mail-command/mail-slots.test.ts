import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MailSlots } from "../../../../src/agents/mail-command/mail-slots.ts";
import { readGroups, readTasks } from "../../../../src/agents/mail-command/snapshots.ts";
import { groupsText, postedText, tasksText } from "../../../../src/agents/mail-command/text.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "novabot-slots-"));
  for (const slot of ["messages", "tasks", "errors"]) await mkdir(join(root, slot));
});
afterEach(async () => await rm(root, { recursive: true }));

const message = (text: string): { readonly type: "message"; readonly text: string } => ({ type: "message", text });
/** Does with the next file of a slot what a host does. */
async function next(slot: string, act: (file: string) => Promise<void>): Promise<void> {
  await expect.poll(async () => await readdir(join(root, slot))).toHaveLength(1);
  const [file] = await readdir(join(root, slot));
  await act(file ?? "");
}

test("mail is a whole file under a name of its own, in the order of its writing", async () => {
  const slots = new MailSlots(root);
  const files: string[] = [];
  for (let index = 0; index < 50; index += 1) files.push((await slots.post(message(`${index}`), 0)).file);
  expect(await readdir(join(root, "messages"))).toEqual(files);
  expect(new Set(files).size).toBe(50);
  expect(JSON.parse(await readFile(join(root, "messages", files[7] ?? ""), "utf8"))).toEqual(message("7"));
  expect((await slots.post({ type: "pause", task: "t-1" }, 0)).state).toBe("queued");
  expect(await readdir(join(root, "tasks"))).toHaveLength(1);
});

test("mail that is taken is done, and mail that nobody takes is queued", async () => {
  const slots = new MailSlots(root);
  const posted = slots.post(message("hi"));
  await next("messages", async (file) => await rm(join(root, "messages", file)));
  expect(await posted).toMatchObject({ state: "taken" });
  const waiting = await slots.post(message("hi"), 30);
  expect(waiting.state).toBe("queued");
  expect(postedText(waiting, "Sent.")).toMatch(/^Queued: /);
});

test("mail that comes back says why, also when the reason is written after the file was moved", async () => {
  const slots = new MailSlots(root);
  const posted = slots.post({ type: "cancel", task: "t-1" });
  await next("tasks", async (file) => {
    await rename(join(root, "tasks", file), join(root, "errors", file));
    await writeFile(
      join(root, "errors", `.${file}`),
      JSON.stringify({ code: "TASK_NOT_FOUND", message: "There is no task t-1.", next: "See the tasks." }),
    );
    await rename(join(root, "errors", `.${file}`), join(root, "errors", `${file}.reason.json`));
  });
  const refused = await posted;
  expect(refused).toMatchObject({ state: "refused", reason: { code: "TASK_NOT_FOUND" } });
  expect(postedText(refused, "Cancelled.")).toBe("Refused: There is no task t-1. See the tasks.");
});

test("mail that cannot be written says so, and leaves nothing behind", async () => {
  await rm(join(root, "tasks"), { recursive: true });
  await expect(new MailSlots(root).post({ type: "pause", task: "t" })).rejects.toMatchObject({ code: "MAIL_INVALID" });
  const long = new MailSlots(root).post(message("x".repeat(1_048_576)));
  await expect(long).rejects.toThrow("longer than 1048576 bytes");
  expect(await readdir(join(root, "messages"))).toEqual([]);
});

test("the snapshots are read as the host wrote them, and told when they are not there", async () => {
  expect(() => readTasks(root)).toThrow(/current_tasks.json is not there/);
  await writeFile(join(root, "current_tasks.json"), "{}");
  expect(() => readTasks(root)).toThrow(/cannot be read/);
  const task = {
    id: "t-1",
    group: "family",
    prompt: "Say\ngood morning",
    schedule: { type: "cron", value: "0 9 * * *" },
    session: "group",
    guard: null,
    status: "active",
    createdBy: "family",
    createdAt: "2026-11-21T00:00:00.000Z",
    nextAt: "2026-11-22T08:00:00.000Z",
    runs: 1,
    last: {
      run: "r",
      plannedAt: "2026-11-21T08:00:00.000Z",
      endedAt: "2026-11-21T08:00:09.000Z",
      outcome: "failed",
      result: null,
      error: "boom",
    },
  };
  await writeFile(join(root, "current_tasks.json"), JSON.stringify({ timezone: "Europe/Berlin", tasks: [task] }));
  expect(tasksText(readTasks(root))).toBe(
    "t-1  active  family  cron 0 9 * * * (Europe/Berlin), next at 2026-11-22T08:00:00.000Z\n  Say good morning\n  last: failed at 2026-11-21T08:00:09.000Z (boom)",
  );
  expect(tasksText({ timezone: "UTC", tasks: [] })).toBe("No tasks. Schedules without a time zone are in UTC.");
  const groups = [{ jid: "1@g.us", name: "The family", folder: "family", isMain: false }];
  await writeFile(join(root, "available_groups.json"), JSON.stringify({ groups }));
  expect(groupsText(readGroups(root))).toBe("1@g.us  family  The family");
});
