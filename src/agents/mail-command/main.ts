import { readFileSync } from "node:fs";
import { messageOf, NovaError } from "../../model/errors.ts";
import { parseCommand, type Request } from "./command.ts";
import { HELP } from "./help.ts";
import { identityFrom } from "./identity.ts";
import { MailSlots } from "./mail-slots.ts";
import { readGroups, readTasks } from "./snapshots.ts";
import { groupsText, postedText, tasksText } from "./text.ts";

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const printJSON = (value: unknown): void => print(JSON.stringify(value, undefined, 2));

/** Does what is asked; the exit status. */
async function carryOut(request: Request): Promise<number> {
  if (request.kind === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  if (request.kind === "tasks") {
    const tasks = readTasks();
    if (request.json) printJSON(tasks);
    else print(tasksText(tasks));
    return 0;
  }
  if (request.kind === "groups") {
    const groups = readGroups();
    if (request.json) printJSON(groups);
    else print(groupsText(groups));
    return 0;
  }
  const slots = new MailSlots();
  const posted = request.wait ? await slots.post(request.mail) : await slots.post(request.mail, 0);
  const text = postedText(posted, request.done);
  if (request.json) printJSON(posted);
  else if (posted.state === "refused") process.stderr.write(`${text}\n`);
  else print(text);
  return posted.state === "refused" ? 1 : 0;
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  try {
    const world = { identity: identityFrom(process.env), readStdin: () => readFileSync(0, "utf8") };
    return await carryOut(parseCommand(argv, world));
  } catch (error) {
    const { code, message, next } = error instanceof NovaError ? error : new NovaError("INTERNAL", messageOf(error));
    if (argv.includes("--json")) printJSON({ error: { code, message, next } });
    else process.stderr.write(`novabot: ${message} ${next}\n`);
    return code === "MAIL_FORBIDDEN" ? 1 : 2;
  }
}

process.exitCode = await main();
