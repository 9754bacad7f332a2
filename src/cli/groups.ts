import type { Command } from "commander";
import pc from "picocolors";
import { parseRule } from "../agents/gateway/egress/rules.ts";
import { checkGroup, findGroup, readGroups } from "../agents/groups/registry.ts";
import { openHome } from "../agents/home/home.ts";
import { checkSessions } from "../agents/home/prepare.ts";
import { editGroups } from "../host/installation.ts";
import { NovaError, messageOf, quote } from "../model/errors.ts";
import type { ContainerConfig, Group, RegisteredGroup } from "../model/group.ts";
import type { CLIContext } from "./context.ts";
import { describeAgent } from "./explain.ts";
import { table } from "./output.ts";
import { chosenHomePath } from "./home-path.ts";
import { openChosenHome } from "./session.ts";

/** Every setting of a group with what it takes; the type sees to it that none is forgotten. */
const settings: Readonly<Record<"name" | "agent" | keyof ContainerConfig, string>> = {
  name: "TEXT                  the group's name",
  agent: 'claude|demo|JSON     which program answers; {"command":["my-agent","--flag"]} for one of your own',
  timeout: "MS                 how long a run may take, in milliseconds (300000)",
  cpus: "NUMBER                processors (2)",
  memory: "SIZE                for example 512m or 2g (2g)",
  memory_swap: "SIZE           memory and swap together (as memory: no swap)",
  pids: "NUMBER                processes and threads (512)",
  network: "none|egress|open   egress lets out to the model's API and to what you list alone",
  egress: "NAME,NAME:PORT      what an egress network lets through beside your own list; port 443 when none is given",
  mode: "cold|warm|persistent  whether `serve` makes a container for each run, has one ready, or keeps one (warm)",
  persistent: 'JSON            {"idleTimeout":1800000,"maxAge":86400000,"maxRuns":200}, for a container that is kept',
  env: "NAME,NAME              names from .env that this agent may have; its key for the model's API is not needed here",
  additionalMounts: 'JSON      [{"hostPath":"~/projects/webapp","containerPath":"webapp","readonly":false}]',
};

const settingsHelp = `
Settings, each as KEY=VALUE; KEY= removes one:
${Object.entries(settings)
  .map(([key, takes]) => `  ${key}=${takes}`)
  .join("\n")}`;

export function addGroupsCommand(program: Command, context: CLIContext): void {
  const groups = program.command("groups").description("The chat groups of this home and their settings.");
  groups
    .command("add")
    .description("Register a group. The folder `main` makes it the privileged one.")
    .argument("<jid>", "the chat's id, for example 1234567890@g.us or local:family")
    .argument("[settings...]", "KEY=VALUE, as for `groups set`")
    .requiredOption("--folder <name>", "its folder below groups/")
    .option("--name <text>", "its name; the folder's when left out")
    .option("--json", "print JSON")
    .addHelpText("after", settingsHelp)
    .action(
      async (
        jid: string,
        assignments: string[],
        options: { folder: string; name?: string; json?: boolean },
        command: Command,
      ) => {
        const entry = applySettings({ name: options.name ?? options.folder, folder: options.folder }, assignments);
        const group = checkSettings(jid, entry, `groups add ${quote(jid)}`);
        const path = chosenHomePath(command, context);
        await editGroups(path, async (known) => {
          await checkSessions(await openHome(path, { create: false }), group);
          const taken = known.find((other) => other.jid === jid || other.folder.toLowerCase() === group.folder.toLowerCase());
          if (taken) {
            throw new NovaError(
              "GROUP_EXISTS",
              `The chat id ${quote(taken.jid)} with the folder ${quote(taken.folder)} is registered already.`,
              {
                place: taken.jid === jid ? "JID" : "--folder",
                next: "Change it with `novabot groups set`, or choose another folder.",
              },
            );
          }
          return [...known, group];
        });
        show(group, options.json, context, "added");
      },
    );
  groups
    .command("list")
    .description("All groups.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const known = await readGroups(await openChosenHome(command, context, false));
      if (options.json) context.printJSON(known);
      else if (!known.length) context.print("No groups yet. Add one with `novabot groups add JID --folder FOLDER`.");
      else {
        const rows = known.map((group) => [
          group.folder,
          group.name,
          group.jid,
          describeAgent(group.agent ?? "claude"),
          group.isMain ? "main" : "",
        ]);
        for (const line of table(["FOLDER", "NAME", "CHAT", "AGENT", ""], rows)) context.print(line.trimEnd());
      }
    });
  groups
    .command("show")
    .description("One group and its settings.")
    .argument("<group>", "its folder, chat id or name")
    .option("--json", "print JSON")
    .action(async (name: string, options: { json?: boolean }, command: Command) => {
      show(findGroup(await readGroups(await openChosenHome(command, context, false)), name), options.json, context);
    });
  groups
    .command("set")
    .description("Change a group's settings, all of them or none.")
    .argument("<group>", "its folder, chat id or name")
    .argument("<settings...>", "KEY=VALUE")
    .option("--json", "print JSON")
    .addHelpText("after", settingsHelp)
    .action(async (name: string, assignments: string[], options: { json?: boolean }, command: Command) => {
      await openChosenHome(command, context, false);
      let changed: Group | undefined;
      await editGroups(chosenHomePath(command, context), (known) => {
        const { jid, isMain: _, ...entry } = findGroup(known, name);
        const next = checkSettings(jid, applySettings(entry, assignments), `groups set ${quote(name)}`);
        changed = next;
        return known.map((group) => (group.jid === jid ? next : group));
      });
      if (changed) show(changed, options.json, context, "changed");
    });
  groups
    .command("remove")
    .description("Forget a group. Its folder, its conversations and its logs stay.")
    .argument("<group>", "its folder, chat id or name")
    .option("--json", "print JSON")
    .action(async (name: string, options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, false);
      let removed: Group | undefined;
      await editGroups(chosenHomePath(command, context), (known) => {
        removed = findGroup(known, name);
        return known.filter((group) => group !== removed);
      });
      if (!removed) return;
      if (options.json) context.printJSON(removed);
      else
        context.print(
          `Removed ${removed.folder} (${removed.jid}). Its files stay in groups/${removed.folder}, data/sessions/${removed.folder} and data/ipc/${removed.folder} of ${home.root}.`,
        );
    });
}

/** A group as it shall be registered; a way out that could not be read would stop each of its runs. */
function checkSettings(jid: string, entry: unknown, place: string): Group {
  const group = checkGroup(jid, entry, place);
  for (const rule of group.containerConfig?.egress ?? []) parseRule(rule, `${place}, containerConfig.egress`);
  return group;
}

/** `group` with the settings of a command line applied, not yet checked. */
function applySettings(group: RegisteredGroup, assignments: readonly string[]): unknown {
  const next: Record<string, unknown> = { ...group };
  const config: Record<string, unknown> = { ...group.containerConfig };
  for (const assignment of assignments) {
    const at = assignment.indexOf("=");
    const key = (at === -1 ? assignment : assignment.slice(0, at)).replace(/^containerConfig\./, "");
    const text = assignment.slice(at + 1);
    if (at === -1 || !Object.hasOwn(settings, key)) {
      throw new NovaError("USAGE", `${quote(assignment)} is not a setting.`, {
        place: "KEY=VALUE",
        next: `The keys are ${Object.keys(settings).join(", ")}; see \`novabot groups set --help\`.`,
      });
    }
    const target = key === "name" || key === "agent" ? next : config;
    if (text === "") delete target[key];
    else target[key] = readValue(key, text);
  }
  if (next["name"] === undefined) next["name"] = group.folder;
  if (Object.keys(config).length) next["containerConfig"] = config;
  else delete next["containerConfig"];
  return next;
}

function readValue(key: string, text: string): unknown {
  if (key === "name") return text;
  if ((key === "env" || key === "egress") && !text.startsWith("[")) return text.split(",").map((name) => name.trim());
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (!/^[[{]/.test(text)) return text;
    throw new NovaError("GROUP_INVALID", `${key} is ${quote(text)}, which is not JSON: ${messageOf(thrown)}.`, {
      place: "KEY=VALUE",
      next: "See `novabot groups set --help` for its form, and put it between single quotes for the shell.",
    });
  }
}

function show(group: Group, json: boolean | undefined, context: CLIContext, verb?: string): void {
  if (json) return context.printJSON(group);
  if (verb) context.print(`${verb} ${group.folder}${group.isMain ? " (main: it sees the home's parts)" : ""}`);
  const { name, jid, folder, agent = "claude", containerConfig } = group;
  const facts = Object.entries({ name, jid, folder, agent: describeAgent(agent), ...containerConfig });
  const width = Math.max(...facts.map(([key]) => key.length));
  for (const [key, value] of facts)
    context.print(`${pc.dim(key.padEnd(width))}  ${typeof value === "object" ? JSON.stringify(value) : value}`);
}
