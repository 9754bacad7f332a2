import { z } from "zod";
import { NovaError, quote } from "../../model/errors.ts";
import { scheduleSchema, taskMailSchema, type VisibleTask } from "../../model/mail.ts";
import type { TaskOperation } from "./operations.ts";
import type { Tasks } from "./tasks.ts";

/** What the owner may ask of the tasks, as `POST /v1/tasks/<verb>` with a JSON body. */
export type TaskVerb = "list" | "show" | "add" | "update" | "pause" | "resume" | "cancel" | "run-now";

const listSchema = z.strictObject({ group: z.string().exactOptional() });
const taskSchema = z.strictObject({ task: z.string() });
const addSchema = z.strictObject({
  group: z.string(),
  prompt: z.string(),
  schedule: scheduleSchema,
  session: z.enum(["group", "own"]).exactOptional(),
  guard: z.string().exactOptional(),
});

/** The owner's verbs over `tasks`: each takes a request's body and gives the answer's, or rejects with a `NovaError`. */
export function taskHandlers(tasks: Tasks): Readonly<Record<TaskVerb, (body: unknown) => Promise<unknown>>> {
  const change = async (operation: unknown): Promise<VisibleTask | null> => await tasks.apply(checkOperation(operation), "owner");
  const changeTask = (type: "pause" | "resume" | "cancel") => async (body: unknown) =>
    await change({ type, ...check(taskSchema, body) });
  return {
    list: async (body) => {
      const { group } = check(listSchema, body);
      return await Promise.resolve(tasks.list("owner").filter((task) => group === undefined || task.group === group));
    },
    show: async (body) => await Promise.resolve(tasks.get(check(taskSchema, body).task, "owner")),
    add: async (body) => await change({ type: "schedule", ...check(addSchema, body) }),
    update: async (body) => await change({ ...check(z.looseObject({ task: z.string() }), body), type: "update" }),
    pause: changeTask("pause"),
    resume: changeTask("resume"),
    cancel: changeTask("cancel"),
    "run-now": async (body) => await tasks.runNow(check(taskSchema, body).task, "owner"),
  };
}

function checkOperation(operation: unknown): TaskOperation {
  const mail = check(taskMailSchema, operation);
  if (mail.type === "register_group") throw new NovaError("TASK_INVALID", "Groups are registered with `novabot groups add`.");
  return mail;
}

function check<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  throw new NovaError("TASK_INVALID", `${field || "The request"} is not valid: ${issue?.message ?? quote(body)}.`, {
    place: field || "the request",
  });
}
