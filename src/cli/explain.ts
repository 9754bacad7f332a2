import type { Command } from "commander";
import pc from "picocolors";
import { findGroup, readGroups } from "../agents/groups/registry.ts";
import type { RunPlan } from "../agents/run/plan.ts";
import type { ImageInfo } from "../engine/engine.ts";
import { whyMute } from "../host/doctor/network.ts";
import { explainGroup } from "../host/explanation.ts";
import type { AgentConfig } from "../model/group.ts";
import { formatSize } from "../model/size.ts";
import type { CLIContext } from "./context.ts";
import { egressTable, gatewayMount, imageGaps, networkFacts } from "./explain-network.ts";
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
      const { plan, engine, image } = await explainGroup(home, group, context.env);
      if (options.json) return context.printJSON(document(plan, engine, image));
      for (const line of describe(plan, engine, image)) context.print(line);
    });
}

export function describeAgent(agent: AgentConfig): string {
  return typeof agent === "string"
    ? agent
    : agent.command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

function allGaps(plan: RunPlan, image: ImageInfo | null): string[] {
  const mute = whyMute(plan);
  return [...(mute ? [`${mute.detail}: its runs fail. ${mute.next}`] : []), ...plan.gaps, ...imageGaps(plan, image)];
}

/** The plan as data. Of the env file only the names: the values are secrets. */
function document(plan: RunPlan, engine: string, image: ImageInfo | null): unknown {
  return {
    group: plan.group.folder,
    jid: plan.group.jid,
    isMain: plan.group.isMain,
    engine,
    image: plan.image,
    imageID: image?.id ?? null,
    agent: plan.agent,
    user: { uid: plan.user.uid, gid: plan.user.gid, why: plan.user.why },
    workingDirectory: plan.workingDirectory,
    mounts: plan.mounts.map(({ kind, source, target, readonly, why }) => ({ kind, source, target, readonly, why })),
    masks: plan.hidden,
    env: [...plan.variables.keys()],
    missingEnv: plan.missingVariables,
    environment: plan.environment,
    mode: plan.mode,
    persistent: plan.persistent,
    network: plan.network,
    gateway: plan.gateway,
    secrets: [...plan.secrets.keys()],
    limits: plan.limits,
    timeoutMs: plan.timeoutMs,
    graceMs: plan.graceMs,
    gaps: allGaps(plan, image),
  };
}

function describe(plan: RunPlan, engine: string, image: ImageInfo | null): string[] {
  const { limits } = plan;
  const gaps = allGaps(plan, image);
  // A key is no matter of the env file: `allGaps` tells when there is none.
  const missing = plan.missingVariables.filter((name) => plan.group.containerConfig?.env?.includes(name));
  const facts: readonly (readonly [string, string])[] = [
    ["group", `${plan.group.folder} (${plan.group.jid})${plan.group.isMain ? ", main" : ""}`],
    ["engine", engine],
    [
      "image",
      image === null
        ? `${plan.image} (missing: build it with \`novabot image build agent\`)`
        : `${plan.image} (${image.id.slice(0, 19)})`,
    ],
    ["agent", describeAgent(plan.agent)],
    ["user", `${plan.user.uid}:${plan.user.gid}, ${plan.user.why}`],
    ["directory", plan.workingDirectory],
    ...networkFacts(plan),
    ["memory", `${formatSize(limits.memoryBytes)}, with swap ${formatSize(limits.memorySwapBytes)}`],
    ["cpus", String(limits.cpus)],
    ["pids", String(limits.pids)],
    ["timeout", `${formatDuration(plan.timeoutMs)}, then SIGTERM, and SIGKILL after ${formatDuration(plan.graceMs)}`],
    ["env file", [...plan.variables.keys()].join(", ") || "empty"],
    ...(missing.length ? [["", `allowed, but not in .env: ${missing.join(", ")}`] as const] : []),
    [
      "environment",
      Object.entries(plan.environment)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ],
  ];
  const mounts = [
    ...plan.mounts.map((mount) => [mount.readonly ? "ro" : "rw", mount.target, mount.source, mount.why]),
    ...gatewayMount(plan),
  ];
  const masks = plan.hidden.map(({ target, why }) => [target, why]);
  return [
    ...facts.map(([name, value]) => `${pc.dim(name.padEnd(11))}  ${value}`),
    "",
    ...table(["", "IN THE CONTAINER", "ON THE HOST", "WHY"], mounts),
    ...(masks.length ? ["", ...table(["MASKED (NOT THERE)", "WHAT IT HOLDS"], masks)] : []),
    ...egressTable(plan),
    ...(gaps.length ? ["", ...gaps.map((gap) => `${pc.yellow("note")}  ${gap}`)] : []),
  ];
}
