import { NovaError, quote } from "../../model/errors.ts";
import type { GroupView } from "../../model/kept.ts";
import type { ScheduledTask } from "../../model/task.ts";
import type { AgentsSide } from "../ports.ts";
import type { Carried, World } from "./world.ts";

type AgentCall =
  | "groups.list"
  | "groups.get"
  | "runs.list"
  | "runs.get"
  | "runs.cancel"
  | "messages.list"
  | "messages.send"
  | "tasks.list"
  | "tasks.get"
  | "tasks.change";

export function agentCalls(world: World): Carried<AgentCall> {
  const { store } = world;
  const groups = async (): Promise<readonly GroupView[]> => {
    const live = world.agents?.live();
    const none = { run: null, waiting: 0, containers: 0 };
    return (await store.groups()).map((group) => ({ ...group, live: live ? (live.get(group.folder) ?? none) : null }));
  };
  const task = async (id: string): Promise<ScheduledTask> => {
    const found = (await store.tasks()).find((one) => one.id === id);
    if (!found) throw new NovaError("TASK_NOT_FOUND", `there is no task ${quote(id)}`, { place: "taskId" });
    return found;
  };

  return {
    "groups.list": async () => ({ groups: await groups() }),
    "groups.get": async ({ folder }) => {
      const found = (await groups()).find((group) => group.folder === folder);
      if (!found) throw new NovaError("GROUP_NOT_FOUND", `there is no group in the folder ${quote(folder)}`, { place: "folder" });
      return found;
    },
    "runs.list": async (query) => await store.runs(query),
    "runs.get": async ({ runId }) => {
      const run = await store.run(runId);
      if (!run) throw new NovaError("RUN_NOT_FOUND", `no run, or more than one, begins with ${quote(runId)}`, { place: "runId" });
      return run;
    },
    "runs.cancel": async ({ runId }, { about }) => {
      about({ subject: runId });
      await served(world.agents).cancelRun(runId);
      return { cancelled: true };
    },
    "messages.list": async (query) => await store.messages(query),
    "messages.send": async ({ chatJid, text, id }, { caller, about }) => {
      // The text is in the table of messages; an audit row does not repeat it.
      about({ subject: chatJid, facts: { characters: text.length, id: id ?? null } });
      const sent = await served(world.agents).sendMessage({ chatJid, text, sender: caller.name, id: id ?? null });
      about({ facts: { characters: text.length, id: sent.id } });
      return sent;
    },
    "tasks.list": async ({ groups: some }) => ({ tasks: await store.tasks(some) }),
    "tasks.get": async ({ taskId }) => await task(taskId),
    "tasks.change": async ({ taskId, to }, { about }) => {
      about({ subject: taskId, facts: { to } });
      return await served(world.agents).changeTask(taskId, to);
    },
  };
}

function served(agents: AgentsSide | null): AgentsSide {
  if (agents) return agents;
  throw new NovaError("SERVE_NOT_RUNNING", "the agents' side is not served by this orchestrator", {
    next: "Start `novabot up` on a machine with a container engine (`novabot doctor` tells what is missing).",
  });
}
