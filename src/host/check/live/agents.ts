import { planGroup } from "../../../agents/run/plan.ts";
import { readGroups } from "../../../agents/groups/registry.ts";
import type { Home } from "../../../agents/home/home.ts";
import type { Expectations, ExpectedMount } from "../../../contract/live/subject.ts";
import type { ContainerSummary, Engine, EngineInfo } from "../../../engine/engine.ts";
import { labels } from "../../../engine/spec.ts";
import { messageOf } from "../../../model/errors.ts";
import { GATEWAY_TARGET } from "../../../model/workspace.ts";
import type { Environment } from "../../state.ts";
import { thisHost } from "../../this-host.ts";

/** The container of an agent or a worker, and what its plan says of it; a string is why there is no plan. */
export interface HomeContainer {
  readonly container: ContainerSummary;
  /** Of the agent's group, or of the worker. */
  readonly name: string;
  readonly expected: Expectations | string;
}

/** The containers of a home's agents. */
export async function agentContainers(home: Home, env: Environment, engine: Engine, info: EngineInfo): Promise<HomeContainer[]> {
  const containers = await engine.list({ [labels.home]: home.label, [labels.kind]: "agent" });
  if (containers.length === 0) return [];
  const groups = await readGroups(home);
  const plans = new Map<string, Expectations | string>();
  for (const folder of new Set(containers.map((container) => container.labels[labels.group] ?? ""))) {
    const group = groups.find((one) => one.folder === folder);
    try {
      plans.set(
        folder,
        group
          ? expected(await planGroup(group, { home, env, host: thisHost(), engine, info }))
          : `the group ${folder} is not registered any more`,
      );
    } catch (error) {
      plans.set(folder, `no plan can be made for ${folder}: ${messageOf(error)}`);
    }
  }
  return containers
    .filter(({ running }) => running)
    .map((container) => {
      const group = container.labels[labels.group] ?? "";
      return { container, name: group, expected: plans.get(group) ?? `the group ${group} is not registered any more` };
    });
}

function expected(plan: Awaited<ReturnType<typeof planGroup>>): Expectations {
  const mounts: ExpectedMount[] = plan.mounts.map(({ source, target, readonly }) => ({
    source,
    target,
    readonly,
    at: undefined,
  }));
  // Each container has a directory of its own for its way out; where that lies is nothing that a plan knows.
  if (plan.gateway) mounts.push({ source: undefined, target: GATEWAY_TARGET, readonly: true, at: undefined });
  return {
    user: { uid: plan.user.uid, gid: plan.user.gid },
    mounts,
    mountsOnly: true,
    hardened: true,
    network: plan.network === "open" ? undefined : "none",
  };
}
