import { stat } from "node:fs/promises";
import type { EngineInfo } from "../../engine/engine.ts";
import { egressListPath, readEgressList } from "../../agents/gateway/egress/list.ts";
import { defaultEnvNames } from "../../agents/home/env-file.ts";
import type { RunPlan } from "../../agents/run/plan.ts";
import type { Environment } from "../state.ts";
import { failure, type Check } from "./check.ts";

/** Whether containers can be kept to the gateway at all. */
export function checkKernel({ product, sharesKernel }: EngineInfo): Check {
  const name = "network";
  if (sharesKernel) return { name, status: "ok", detail: "containers go out by the gateway alone, and keys stay outside" };
  return {
    name,
    status: "warn",
    detail: `${product} runs in a virtual machine: containers reach what the host reaches, and keys go into them`,
    next: "Use an engine on this machine's own kernel, or set network=none for groups that need none.",
  };
}

/** The owner's list of allowed ways out. */
export async function checkEgressList(env: Environment): Promise<Check> {
  const name = "egress list";
  const path = egressListPath(env);
  try {
    const rules = await readEgressList(path);
    if (!rules) return { name, status: "ok", detail: `${path} is not there: it allows nothing beside the model's API` };
    const detail = `${path}, ${rules.length} rule(s)`;
    if ((await stat(path)).mode & 0o022)
      return { name, status: "warn", detail: `${detail}: others may write it`, next: `chmod go-w ${path}` };
    return { name, status: "ok", detail };
  } catch (thrown) {
    return failure(name, thrown);
  }
}

/** What is amiss when a group's container has a key for the model's API in it; undefined when it has none. */
export function keysInside(plan: RunPlan): { readonly detail: string; readonly next: string } | undefined {
  const names = defaultEnvNames.filter((name) => plan.variables.has(name));
  if (!names.length) return undefined;
  const isNamed = names.some((name) => plan.group.containerConfig?.env?.includes(name));
  return {
    detail: `its container has ${names.join(" and ")}, which the agent can send away`,
    next: isNamed
      ? `Take it out of containerConfig.env: the gateway adds it outside the container.`
      : "Use an engine on this machine's own kernel: there the gateway adds it outside the container.",
  };
}

/** Why Claude Code cannot answer in a group's container, whatever it is asked; undefined when it can. */
export function whyMute(plan: RunPlan): { readonly detail: string; readonly next: string } | undefined {
  if (plan.agent !== "claude") return undefined;
  if (plan.network === "none")
    return {
      detail: "Claude Code does not reach the model's API without a network",
      next: "Set network=egress for the group, or another agent.",
    };
  if (plan.gateway?.broker || defaultEnvNames.some((name) => plan.variables.has(name))) return undefined;
  return {
    detail: "Claude Code has no key for the model's API",
    next: `Put ${defaultEnvNames.toReversed().join(" or ")} into the .env of the home.`,
  };
}
