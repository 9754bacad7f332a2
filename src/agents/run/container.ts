import { labels, type ContainerSpec } from "../../engine/spec.ts";
import type { ImageInfo } from "../../engine/engine.ts";
import { INIT_LABEL, INIT_OWN, MODE_VARIABLE } from "../../model/markers.ts";
import { GATEWAY_TARGET } from "../../model/workspace.ts";
import type { Door } from "../gateway/door.ts";
import type { Home } from "../home/home.ts";
import type { RunPlan } from "./plan.ts";

/** What tells one container from all others. */
export interface ContainerIdentity {
  /** The run's id where a container is made for a run, otherwise one of its own. */
  readonly id: string;
  /** The presence of the host that carries it. */
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly madeAtMs: number;
}

/** What a run was decided on: its plan, and the image that its name stood for at that time. */
export interface Ready {
  readonly plan: RunPlan;
  readonly image: ImageInfo;
}

/** The group and the time as the requirement has it; the id makes it the only one. */
export function containerName(folder: string, { madeAtMs, id }: ContainerIdentity): string {
  return `novabot-${folder}-${madeAtMs}-${id}`;
}

/** The container of a plan, in the engine's terms. `kept`: it serves many runs. */
export function containerSpec(
  { plan, image }: Ready,
  home: Home,
  identity: ContainerIdentity,
  options: { readonly kept: boolean; readonly door: Pick<Door, "directory"> | null },
): ContainerSpec {
  const mounts = plan.mounts.map(({ source, target, readonly }) => ({ source, target, readonly }));
  if (options.door) mounts.push({ source: options.door.directory, target: GATEWAY_TARGET, readonly: true });
  return {
    name: containerName(plan.group.folder, identity),
    // By its id: the name may be given to another image meanwhile, which does not keep the protocol that this one does.
    image: image.id,
    labels: {
      [labels.home]: home.label,
      [labels.kind]: "agent",
      [labels.group]: plan.group.folder,
      [labels.run]: identity.id,
      [labels.host]: identity.host,
      [labels.writable]: JSON.stringify(writableSources(plan)),
    },
    user: { uid: plan.user.uid, gid: plan.user.gid },
    workingDirectory: plan.workingDirectory,
    env: options.kept ? { ...plan.environment, [MODE_VARIABLE]: "persistent" } : plan.environment,
    ownInit: image.labels[INIT_LABEL] === INIT_OWN,
    mounts,
    network: plan.network === "open" ? "default" : "none",
    limits: plan.limits,
    stdin: true,
    autoRemove: true,
  };
}

/** The directories of the host, beside those of the home, that the plan's container may write. */
export function writableSources(plan: RunPlan): string[] {
  return plan.mounts.filter((mount) => mount.kind === "extra" && !mount.readonly).map(({ source }) => source);
}
