import type { Command } from "commander";
import pc from "picocolors";
import { findGroup, readGroups } from "../agents/groups/registry.ts";
import type { RunPlan } from "../agents/run/plan.ts";
import { explainGroup } from "../host/explanation.ts";
import type { AgentConfig } from "../model/group.ts";
import { formatSize } from "../model/size.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, table } from "./output.ts";
import { openChosenHome } from "./session.ts";

export function addExplainCommand(program: Command, context: CLIContext): void {
  program
    .command("explain")
    .description("Print exactly what a group's next container would get. Makes nothing.")
    .argument("<group>", "its folder, chat id or name")
    .option("--json", "print JSON")
    .action(async (name: string, options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const group = findGroup(await readGroups(home), name);
      const { plan, engine, imageID } = await explainGroup(home, group, context.env);
      if (options.json) return context.printJSON(document(plan, engine, imageID));
      for (const line of describe(plan, engine, imageID)) context.print(line);
    });
}

export function describeAgent(agent: AgentConfig): string {
  return typeof agent === "string"
    ? agent
    : agent.command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

/** The plan as data. Of the env file only the names: the values are secrets. */
function document(plan: RunPlan, engine: string, imageID: string | null): unknown {
  return {
    group: plan.group.folder,
    jid: plan.group.jid,
    isMain: plan.group.isMain,
    engine,
    image: plan.image,
    imageID,
    agent: plan.agent,
    user: { uid: plan.user.uid, gid: plan.user.gid, why: plan.user.why },
    workingDirectory: plan.workingDirectory,
    mounts: plan.mounts.map(({ kind, source, target, readonly, why }) => ({ kind, source, target, readonly, why })),
    masks: plan.hidden,
    env: [...plan.variables.keys()],
    missingEnv: plan.missingVariables,
    environment: plan.environment,
    network: plan.network,
    limits: plan.limits,
    timeoutMs: plan.timeoutMs,
    graceMs: plan.graceMs,
    gaps: plan.gaps,
  };
}

function describe(plan: RunPlan, engine: string, imageID: string | null): string[] {
  const { limits } = plan;
  const facts: readonly (readonly [string, string])[] = [
    ["group", `${plan.group.folder} (${plan.group.jid})${plan.group.isMain ? ", main" : ""}`],
    ["engine", engine],
    [
      "image",
      imageID === null
        ? `${plan.image} (missing: build it with \`novabot image build agent\`)`
        : `${plan.image} (${imageID.slice(0, 19)})`,
    ],
    ["agent", describeAgent(plan.agent)],
    ["user", `${plan.user.uid}:${plan.user.gid}, ${plan.user.why}`],
    ["directory", plan.workingDirectory],
    ["network", plan.network === "none" ? "none" : "the engine's default: it reaches what the host reaches"],
    ["memory", `${formatSize(limits.memoryBytes)}, with swap ${formatSize(limits.memorySwapBytes)}`],
    ["cpus", String(limits.cpus)],
    ["pids", String(limits.pids)],
    ["timeout", `${formatDuration(plan.timeoutMs)}, then SIGTERM, and SIGKILL after ${formatDuration(plan.graceMs)}`],
    ["env file", [...plan.variables.keys()].join(", ") || "empty"],
    ...(plan.missingVariables.length ? [["", `allowed, but not in .env: ${plan.missingVariables.join(", ")}`] as const] : []),
    [
      "environment",
      Object.entries(plan.environment)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ],
  ];
  const mounts = plan.mounts.map((mount) => [mount.readonly ? "ro" : "rw", mount.target, mount.source, mount.why]);
  const masks = plan.hidden.map(({ target, why }) => [target, why]);
  return [
    ...facts.map(([name, value]) => `${pc.dim(name.padEnd(11))}  ${value}`),
    "",
    ...table(["", "IN THE CONTAINER", "ON THE HOST", "WHY"], mounts),
    ...(masks.length ? ["", ...table(["MASKED (NOT THERE)", "WHAT IT HOLDS"], masks)] : []),
    ...(plan.gaps.length ? ["", ...plan.gaps.map((gap) => `${pc.yellow("note")}  ${gap}`)] : []),
  ];
}
