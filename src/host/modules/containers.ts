import type { Home } from "../../agents/home/home.ts";
import type { ContainerDescription, Observation } from "../../engine/observation.ts";
import type { Engine } from "../../engine/engine.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { composeLabels } from "../compose/labels.ts";
import type { ModuleProject } from "./project.ts";

/** A container of a module. */
export interface ModuleContainer extends ContainerDescription {
  readonly service: string;
}

/** The engine's eyes; rejects with `NOT_SUPPORTED` for one that has none. */
export function observationOf(engine: Engine): Observation {
  if (engine.observation) return engine.observation;
  throw new NovaError("NOT_SUPPORTED", `Modules need an engine that Compose speaks to, and ${engine.name} is none.`, {
    next: "Use Docker or Podman (NOVABOT_ENGINE).",
  });
}

/** The module's containers, running or not. */
export async function containersOf(engine: Engine, { selection }: Pick<ModuleProject, "selection">): Promise<ModuleContainer[]> {
  const observation = observationOf(engine);
  const found: ModuleContainer[] = [];
  for (const { id } of await engine.list({ [composeLabels.project]: selection.project })) {
    const described = await observation.describe(id);
    if (described) found.push({ ...described, service: described.labels[composeLabels.service] ?? "" });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A container of a project of that name that was started from another directory; undefined when there is none. */
export function strangerAmong(
  containers: readonly ModuleContainer[],
  { selection }: Pick<ModuleProject, "selection">,
  home: Home,
): ModuleContainer | undefined {
  return containers.find(({ labels }) => {
    const directory = labels[composeLabels.directory];
    // What was brought back was started from what the home keeps.
    return directory !== undefined && directory !== selection.directory && !directory.startsWith(`${home.host}/`);
  });
}

/** Rejects with `CONTAINER_CONFLICT` when a project of that name was started from another directory: another home's, or a person's own. */
export function refuseStrangers(containers: readonly ModuleContainer[], project: ModuleProject, home: Home): void {
  const stranger = strangerAmong(containers, project, home);
  if (stranger === undefined) return;
  const { name, labels } = stranger;
  const directory = labels[composeLabels.directory];
  throw new NovaError(
    "CONTAINER_CONFLICT",
    `The container ${name} of the project ${project.selection.project} was started from ${quote(directory ?? "", 300)}.`,
    {
      place: project.module.folder,
      next: "Stop it there first: two homes cannot run the same module on one engine.",
      facts: { container: name, directory },
    },
  );
}
