import { realpathSync } from "node:fs";
import type { ComposeProject, Service } from "../../../contract/compose/project.ts";
import type { ContractModule } from "../../../contract/declaration/contract.ts";
import type { ContainerSummary } from "../../../engine/engine.ts";
import { composeLabels } from "../../compose/labels.ts";

/**
 * The containers of a service. Compose's label of the project's directory tells two checkouts with one project name apart; where it is
 * missing, the project's name has to do. A container that bears the name that the file fixes is meant as well: another cannot be made.
 */
export function containersOf(
  all: readonly ContainerSummary[],
  project: ComposeProject | undefined,
  service: Service | undefined,
  module: ContractModule | undefined,
): ContainerSummary[] {
  const name = service?.name ?? module?.service;
  const folder = project?.directory ?? module?.folder;
  if (name === undefined || folder === undefined) return [];
  return all.filter((container) => {
    if (service?.containerName && container.name === service.containerName.value) return true;
    if (container.labels[composeLabels.service] !== name) return false;
    const directory = container.labels[composeLabels.directory];
    if (directory !== undefined && directory !== "") return real(directory) === real(folder);
    return project !== undefined && container.labels[composeLabels.project] === project.name;
  });
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
