import { labels, type ContainerSpec } from "../../engine/spec.ts";
import type { Home } from "../home/home.ts";
import type { RunPlan } from "./plan.ts";

/** The container of a plan, in the engine's terms. `startedAtMs` is in the name, as the requirement has it. */
export function containerSpec(
  plan: RunPlan,
  home: Home,
  run: { readonly id: string; readonly host: string; readonly startedAtMs: number },
): ContainerSpec {
  return {
    name: `novabot-${plan.group.folder}-${run.startedAtMs}-${run.id}`,
    image: plan.image,
    labels: {
      [labels.home]: home.label,
      [labels.kind]: "agent",
      [labels.group]: plan.group.folder,
      [labels.run]: run.id,
      [labels.host]: run.host,
    },
    user: { uid: plan.user.uid, gid: plan.user.gid },
    workingDirectory: plan.workingDirectory,
    env: plan.environment,
    mounts: plan.mounts.map(({ source, target, readonly }) => ({ source, target, readonly })),
    network: plan.network,
    limits: plan.limits,
    stdin: true,
    autoRemove: true,
  };
}
