import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { Identity } from "./identity.ts";
import { messageMail, registerMail, scheduleMail, taskChangeMail, type TaskWish, updateMail } from "./mail.ts";
import type { Mail, MailSlots } from "./mail-slots.ts";
import { parseSchedule } from "./schedule.ts";
import { readGroups, readTasks } from "./snapshots.ts";
import { groupsText, postedText, tasksText } from "./text.ts";

/** What the tools work on. */
export interface Post {
  readonly identity: Identity;
  readonly slots: MailSlots;
  /** The directory of the snapshots. */
  readonly root?: string;
}

const schedule = {
  cron: z.string().optional().describe('Cron expression of five fields (or six, seconds first), as in "0 9 * * 1-5".'),
  every: z.string().optional().describe("Interval, as in 90s, 10m, 1h30m, 2d or 1w."),
  at: z.string().optional().describe("One time, ISO 8601, as in 2027-01-31T09:00 or 2027-01-31T09:00:00+01:00."),
  timezone: z
    .string()
    .optional()
    .describe("Time zone of cron and at, as in Europe/Berlin. Left out, it is the one that list_tasks names."),
};
const session = z
  .enum(["group", "own"])
  .optional()
  .describe(
    "group (usual): the task goes on in this chat's conversation and knows what was said. own: it has a conversation of its own, so its prompt must say everything.",
  );
const guard = z
  .string()
  .optional()
  .describe(
    "Shell script that runs first, in the group's folder. Status 0: the agent starts and is told what the script printed. 1: this time is skipped, at no cost. Another status: an error.",
  );
const task = z.string().describe("The task's id, from list_tasks.");

type Wish = { readonly [name in keyof typeof schedule]?: string | undefined } & Omit<TaskWish, "schedule">;

function wishOf({ prompt, session: kept, guard: script, ...when }: Wish): TaskWish {
  return { prompt, session: kept, guard: script, schedule: parseSchedule(when) };
}

async function answer(work: () => string | Promise<string>): Promise<CallToolResult> {
  try {
    return { content: [{ type: "text", text: await work() }] };
  } catch (error) {
    const text = error instanceof NovaError ? `${error.message} ${error.next}` : messageOf(error);
    return { content: [{ type: "text", text }], isError: true };
  }
}

/** The verbs of the in-container command as tools for a model. */
export function mailServer({ identity, slots, root }: Post): McpServer {
  const server = new McpServer({ name: "novabot", version: "1" });
  const post = async (done: string, mail: () => Mail): Promise<CallToolResult> =>
    await answer(async () => {
      const posted = await slots.post(mail());
      if (posted.state === "refused") throw new NovaError("MAIL_INVALID", posted.reason.message, { next: posted.reason.next });
      return postedText(posted, done);
    });

  server.registerTool(
    "send_message",
    {
      description:
        "Send a message to the chat right away, while you are still working: progress on long work, or a result of a scheduled task. Your final answer is sent by itself; do not send it twice.",
      inputSchema: {
        text: z.string().describe("The message."),
        ...(identity.isMain
          ? { chat: z.string().optional().describe("Another chat's id, from list_groups. Left out: this chat.") }
          : {}),
      },
    },
    async ({ text, chat }: { text: string; chat?: string | undefined }) =>
      await post("Sent.", () => messageMail(identity, text, chat)),
  );
  server.registerTool(
    "schedule_task",
    {
      description:
        "Have yourself woken later to do something: once, at an interval, or by a cron expression. Give exactly one of cron, every and at. When the time comes you get the prompt, and what you answer is sent to the chat.",
      inputSchema: {
        prompt: z.string().describe("What to do then, in words that are clear without this moment."),
        ...schedule,
        session,
        guard,
        ...(identity.isMain
          ? { group: z.string().optional().describe("Folder of the group whose agent shall do it. Left out: this one.") }
          : {}),
      },
    },
    async ({ group, ...wish }: Wish & { group?: string | undefined }) =>
      await post("Scheduled. list_tasks shows it.", () => scheduleMail(identity, wishOf(wish), group)),
  );
  server.registerTool(
    "update_task",
    {
      description: "Change a task. What is left out stays as it is; an empty guard takes the guard away.",
      inputSchema: { task, prompt: z.string().optional().describe("The new prompt."), ...schedule, session, guard },
    },
    async ({ task: id, ...wish }: Wish & { task: string }) =>
      await post("Changed.", () => updateMail(id, wishOf({ ...wish, guard: wish.guard === "" ? null : wish.guard }))),
  );
  const changes = [
    ["pause", "Stop a task until it is resumed.", "Paused."],
    ["resume", "Let a paused task go on.", "Resumed."],
    ["cancel", "End a task for good.", "Cancelled."],
  ] as const;
  for (const [verb, description, done] of changes) {
    server.registerTool(
      `${verb}_task`,
      { description, inputSchema: { task } },
      async ({ task: id }) => await post(done, () => taskChangeMail(verb, id)),
    );
  }
  server.registerTool(
    "list_tasks",
    {
      description: `List ${identity.isMain ? "every group's" : "this group's"} scheduled tasks: ids, schedules, when each is due next, and how it last went.`,
    },
    async () => await answer(() => tasksText(readTasks(root))),
  );
  if (identity.isMain) registerMainTools(server, post, { identity, slots, ...(root === undefined ? {} : { root }) });
  return server;
}

function registerMainTools(
  server: McpServer,
  post: (done: string, mail: () => Mail) => Promise<CallToolResult>,
  { identity, root }: Post,
): void {
  server.registerTool(
    "list_groups",
    { description: "List the registered groups: chat id, folder and name." },
    async () => await answer(() => groupsText(readGroups(root))),
  );
  server.registerTool(
    "register_group",
    {
      description:
        "Make a chat a group with an agent and a folder of its own. Ask the person first: from then on every message there is answered.",
      inputSchema: {
        jid: z.string().describe("The chat's id, as in 1234567890@g.us."),
        name: z.string().describe("A name for people."),
        folder: z.string().describe("A name of letters, digits, hyphens and underscores; no other group may have it."),
      },
    },
    async ({ jid, name, folder }) => await post("Registered.", () => registerMail(identity, jid, name, folder)),
  );
}
