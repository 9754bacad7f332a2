import { homedir } from "node:os";
import type { Capabilities, Engine, EngineInfo } from "../../engine/engine.ts";
import type { Limits } from "../../engine/spec.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { AgentConfig, ContainerMode, Group, Network, PersistentLimits } from "../../model/group.ts";
import { formatSize } from "../../model/size.ts";
import { GROUP_TARGET } from "../../model/workspace.ts";
import type { GatewayPlan } from "../gateway/door.ts";
import { planNetwork } from "../gateway/plan.ts";
import { groupMemory } from "../groups/memory.ts";
import { readGroups } from "../groups/registry.ts";
import { agentUser, type AgentUser, type HostUser } from "../home/agent-user.ts";
import type { Home } from "../home/home.ts";
import { checkSessions } from "../home/prepare.ts";
import { isWithin, planAdditionalMounts } from "../mounts/additional.ts";
import { allowlistPath, readAllowlist } from "../mounts/allowlist.ts";
import { groupMounts } from "../mounts/group-mounts.ts";
import { planProject, type FramePlace, type HiddenPath } from "../mounts/project.ts";
import type { PlannedMount } from "../mounts/planned-mount.ts";
import { realPathOf } from "../mounts/real-path.ts";

export const DEFAULT_IMAGE = "novabot-agent:latest";
export const DEFAULT_TIMEOUT_MS = 300_000;
/** How long an agent has between SIGTERM and SIGKILL. */
export const STOP_GRACE_MS = 15_000;
/** A container that is kept goes after this long without a run, at this age, or after this many runs. */
export const persistentDefaults: Required<PersistentLimits> = { idleTimeout: 1_800_000, maxAge: 86_400_000, maxRuns: 200 };
const defaultCPUs = 2;
const defaultPIDs = 512;

/** Everything that a group's next container would get, decided before anything exists. `explain` prints it, a run obeys it. */
export interface RunPlan {
  readonly group: Group;
  readonly image: string;
  readonly agent: AgentConfig;
  readonly user: AgentUser;
  readonly mounts: readonly PlannedMount[];
  /** Parts of the home that main does not get. */
  readonly hidden: readonly HiddenPath[];
  /** The places of the frame that main's view of the home is mounted into. */
  readonly frame: readonly FramePlace[];
  /** Folders that must be there before the mounts: the group's own, and for main everybody's. */
  readonly folders: readonly string[];
  readonly workingDirectory: string;
  /** What the owner allowed into the env file by name; only the names are ever shown. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names that the group may have and `.env` does not hold. */
  readonly missingVariables: readonly string[];
  /** Plain settings that the engine puts into the container's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly network: Network;
  readonly mode: ContainerMode;
  /** Null for a container without any network, and on an engine that cannot take a socket of the host. */
  readonly gateway: GatewayPlan | null;
  /** Credentials that stay outside: the gateway adds them to what the agent sends. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Limits of a container that is kept for many runs. */
  readonly persistent: Required<PersistentLimits>;
  readonly limits: Limits;
  readonly timeoutMs: number;
  readonly graceMs: number;
  /** What this engine cannot hold, as sentences. */
  readonly gaps: readonly string[];
}

export interface PlanContext {
  readonly home: Home;
  /** Every registered group: main's container has all their folders, and extra mounts must not lie in each other. */
  readonly groups: readonly Group[];
  readonly capabilities: Capabilities;
  readonly engine: EngineInfo;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly host: HostUser;
}

/** The image of agents: `NOVABOT_AGENT_IMAGE`, or NovaBot's own. */
export function agentImage(env: Readonly<Record<string, string | undefined>>): string {
  return env["NOVABOT_AGENT_IMAGE"] || DEFAULT_IMAGE;
}

/** `planRun` with what a run, `explain` and `doctor` all read first, so that they cannot differ. */
export async function planGroup(
  group: Group,
  options: Pick<PlanContext, "home" | "env" | "host"> & { readonly engine: Engine; readonly info: EngineInfo },
): Promise<RunPlan> {
  const { home, env, host, engine, info } = options;
  return await planRun(group, {
    home,
    env,
    host,
    groups: await readGroups(home),
    capabilities: engine.capabilities,
    engine: info,
  });
}

/** Decides a group's next container. Changes nothing; rejects with the error of the first setting that cannot hold. */
export async function planRun(group: Group, context: PlanContext): Promise<RunPlan> {
  const { home, capabilities, env } = context;
  await checkSessions(home, group);
  const config = group.containerConfig ?? {};
  const userHome = realPathOf(env["HOME"] || homedir());
  const allowlistFile = realPathOf(allowlistPath(env));
  if (isWithin(allowlistFile, home.root)) {
    throw new NovaError(
      "ALLOWLIST_INVALID",
      `The mount allowlist ${quote(allowlistFile, 400)} lies in the home, where main could change it.`,
      {
        place: allowlistFile,
        next: "Move it out of the home; NOVABOT_MOUNT_ALLOWLIST names another place.",
      },
    );
  }
  const needsAllowlist = (config.additionalMounts ?? []).length > 0;
  const extra = await planAdditionalMounts(group, {
    allowlist: needsAllowlist ? await readAllowlist(allowlistFile) : undefined,
    allowlistFile,
    home: home.root,
    userHome,
    fileMounts: capabilities.fileMounts,
    groups: context.groups,
  });
  const { network, gateway, secrets, variables, missingVariables, gaps } = await planNetwork(group, context);
  const folders = group.isMain ? [...new Set([group.folder, ...context.groups.map((other) => other.folder)])] : [group.folder];
  const user = agentUser(context.host, context.engine);
  const project = group.isMain ? await planProject(home, folders, user, capabilities) : { mounts: [], hidden: [], frame: [] };
  return {
    group,
    image: agentImage(env),
    agent: group.agent ?? "claude",
    user,
    folders,
    mounts: [...groupMounts(home, group), ...project.mounts, ...extra],
    hidden: project.hidden,
    frame: project.frame,
    workingDirectory: GROUP_TARGET,
    variables,
    missingVariables,
    environment: { TZ: env["TZ"] || Intl.DateTimeFormat().resolvedOptions().timeZone },
    network,
    mode: config.mode ?? "warm",
    gateway,
    secrets,
    persistent: { ...persistentDefaults, ...config.persistent },
    limits: planLimits(group, context.engine),
    timeoutMs: config.timeout ?? DEFAULT_TIMEOUT_MS,
    graceMs: STOP_GRACE_MS,
    gaps: [...gaps, ...describeGaps(capabilities, context.engine)],
  };
}

function planLimits(group: Group, engine: EngineInfo): Limits {
  const config = group.containerConfig ?? {};
  const place = `group ${group.folder}, containerConfig`;
  if (config.cpus !== undefined && config.cpus > engine.cpus) {
    throw new NovaError("GROUP_INVALID", `cpus is ${config.cpus}, and the engine has ${engine.cpus}.`, {
      place: `${place}.cpus`,
      next: `Set it to at most ${engine.cpus}.`,
    });
  }
  const memory = groupMemory(config, place);
  if (memory.memoryBytes > engine.memoryBytes) {
    throw new NovaError(
      "GROUP_INVALID",
      `memory is ${quote(config.memory)}, and the engine has ${formatSize(engine.memoryBytes)}.`,
      {
        place: `${place}.memory`,
        next: "Set it to less than the engine has.",
      },
    );
  }
  return {
    ...memory,
    cpus: config.cpus ?? Math.min(defaultCPUs, engine.cpus),
    pids: config.pids ?? defaultPIDs,
  };
}

function describeGaps(capabilities: Capabilities, engine: EngineInfo): string[] {
  const gaps: string[] = [];
  if (!capabilities.pidsLimit) gaps.push("The limit on processes does not hold on this engine.");
  if (!capabilities.swapLimit) gaps.push("The limit on swap does not hold on this engine.");
  if (!capabilities.hardening)
    gaps.push("Capabilities are not dropped by this engine; each container is a virtual machine of its own.");
  if (!capabilities.outOfMemory) gaps.push("This engine does not tell being killed for memory from being killed.");
  if (engine.rootless) gaps.push("The engine runs without root: limits hold as far as the user's own cgroup lets them.");
  return gaps;
}
