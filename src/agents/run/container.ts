import { labels, type ContainerSpec } from "../../engine/spec.ts";
import type { Home } from "../home/home.ts";
import type { RunPlan } from "./plan.ts";

/** What tells one run from all others. */
export interface RunIdentity {
  readonly id: string;
  /** The presence of the host that carries it. */
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
}

/** The container of a plan, in the engine's terms, from the image with this id. */
export function containerSpec(
  plan: RunPlan,
  home: Home,
  run: RunIdentity,
  image: { readonly id: string; readonly ownInit: boolean },
): ContainerSpec {
  return {
    // The group and the time as the requirement has it; the id makes it the only one.
    name: `novabot-${plan.group.folder}-${run.startedAtMs}-${run.id}`,
    image: image.id,
    labels: {
      [labels.home]: home.label,
      [labels.kind]: "agent",
      [labels.group]: plan.group.folder,
      [labels.run]: run.id,
      [labels.host]: run.host,
      [labels.writable]: JSON.stringify(
        plan.mounts.filter((mount) => mount.kind === "extra" && !mount.readonly).map(({ source }) => source),
      ),
    },
    user: { uid: plan.user.uid, gid: plan.user.gid },
    workingDirectory: plan.workingDirectory,
    env: plan.environment,
    ownInit: image.ownInit,
    mounts: plan.mounts.map(({ source, target, readonly }) => ({ source, target, readonly })),
    network: plan.network === "open" ? "default" : "none",
    limits: plan.limits,
    stdin: true,
    autoRemove: true,
  };
}
