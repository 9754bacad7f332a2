import type { Command } from "commander";
import pc from "picocolors";
import { checkGroup, findGroup, readGroups } from "../agents/groups/registry.ts";
import { editGroups } from "../host/installation.ts";
import { NovaError, quote } from "../model/errors.ts";
import type { Group } from "../model/group.ts";
import type { CLIContext } from "./context.ts";
import { describeAgent } from "./explain.ts";
import { table } from "./output.ts";
import { chosenHomePath, openChosenHome } from "./session.ts";

const settingsHelp = `
Settings, each as KEY=VALUE; KEY= removes one:
  name=TEXT               the group's name
  agent=claude|demo|JSON  which program answers; {"command":["my-agent","--flag"]} for one of your own
  timeout=MS              how long a run may take, in milliseconds (300000)
  cpus=NUMBER             processors (2)
  memory=SIZE             for example 512m or 2g (2g)
  memory_swap=SIZE        memory and swap together (as memory: no swap)
  pids=NUMBER             processes and threads (512)
  network=none|default    none takes the network away
  env=NAME,NAME           names from .env that this agent may have beside Claude Code's two
  additionalMounts=JSON   [{"hostPath":"~/projects/webapp","containerPath":"webapp","readonly":false}]`;

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
      async (jid: string, settings: string[], options: { folder: string; name?: string; json?: boolean }, command: Command) => {
        const entry = applySettings({ name: options.name ?? options.folder, folder: options.folder }, settings);
        const group = checkGroup(jid, entry, `groups add ${quote(jid)}`);
        await editGroups(chosenHomePath(command, context), (known) => {
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
    .action(async (name: string, settings: string[], options: { json?: boolean }, command: Command) => {
      await openChosenHome(command, context, false);
      let changed: Group | undefined;
      await editGroups(chosenHomePath(command, context), (known) => {
        const { jid, isMain: _, ...entry } = findGroup(known, name);
        const next = checkGroup(jid, applySettings(entry, settings), `groups set ${quote(name)}`);
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
          `Removed ${removed.folder} (${removed.jid}). Its files stay in ${home.groups}/${removed.folder} and ${home.data}/sessions/${removed.folder}.`,
        );
    });
}

const configKeys: ReadonlySet<string> = new Set([
  "timeout",
  "cpus",
  "memory",
  "memory_swap",
  "pids",
  "network",
  "env",
  "additionalMounts",
]);

/** `entry` with `settings` applied, not yet checked. */
function applySettings(entry: object, settings: readonly string[]): unknown {
  const next: Record<string, unknown> = { ...entry };
  const config: Record<string, unknown> = { ...Reflect.get(entry, "containerConfig") };
  for (const setting of settings) {
    const at = setting.indexOf("=");
    const key = (at === -1 ? setting : setting.slice(0, at)).replace(/^containerConfig\./, "");
    const text = setting.slice(at + 1);
    const target = configKeys.has(key) ? config : key === "name" || key === "agent" ? next : undefined;
    if (at === -1 || !target) {
      throw new NovaError("USAGE", `${quote(setting)} is not a setting.`, {
        place: "KEY=VALUE",
        next: `The keys are name, agent, ${[...configKeys].join(", ")}; see \`novabot groups set --help\`.`,
      });
    }
    if (text === "") delete target[key];
    else target[key] = readValue(key, text);
  }
  if (Object.keys(config).length) next["containerConfig"] = config;
  else delete next["containerConfig"];
  return next;
}

function readValue(key: string, text: string): unknown {
  if (key === "name") return text;
  if (key === "env" && !text.startsWith("[")) return text.split(",").map((name) => name.trim());
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function show(group: Group, json: boolean | undefined, context: CLIContext, verb?: string): void {
  if (json) return context.printJSON(group);
  if (verb) context.print(`${verb} ${group.folder}${group.isMain ? " (main: it may see the whole home)" : ""}`);
  const { name, jid, folder, agent = "claude", containerConfig } = group;
  for (const [key, value] of Object.entries({ name, jid, folder, agent: describeAgent(agent) }))
    context.print(`${pc.dim(key.padEnd(9))}  ${value}`);
  for (const [key, value] of Object.entries(containerConfig ?? {}))
    context.print(`${pc.dim(key.padEnd(9))}  ${JSON.stringify(value)}`);
}
