import { stringify } from "yaml";
import type { Node } from "../../contract/compose/node.ts";
import { readProject } from "../../contract/compose/read.ts";
import { NovaError } from "../../model/errors.ts";
import type { Environment } from "../state.ts";
import type { ComposeSelection } from "../compose/command.ts";

/**
 * The project as NovaBot itself reads it, for a podman-compose that cannot resolve one (`config` came with 1.0.6). Its paths are as written: a file with
 * this text belongs into the module's folder. Rejects with `COMPOSE_FAILED` when Compose would refuse the project.
 */
export async function readResolved(selection: ComposeSelection, environment: Environment): Promise<string> {
  const { project, problems } = await readProject({
    files: selection.files,
    directory: selection.directory,
    name: selection.project,
    environment,
  });
  if (project) return stringify(plain(project.document));
  const reasons = problems.map(({ message, at }) => `  ${at.file}:${at.line}:${at.column} ${message}`);
  throw new NovaError("COMPOSE_FAILED", `The Compose files cannot be read.\n${reasons.join("\n")}`, {
    place: selection.directory,
  });
}

/** Texts with their dollars doubled: who reads them interpolates again. */
function plain(node: Node): unknown {
  if (node.kind === "list") return node.items.map(plain);
  if (node.kind === "map") return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
  return typeof node.value === "string" ? node.value.replaceAll("$", "$$$$") : node.value;
}
