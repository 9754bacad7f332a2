import { relative, sep } from "node:path";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import { BACK_PREFIX } from "./left-compose.ts";

/**
 * The text of a `.gitignore` for a module's folder, so that `git add .` takes no secret: the env files, what a process that was killed has left of
 * writing one (drafts, locks, a resolved project), and what the module itself writes.
 */
export function gitIgnoreFor(module: ContractModule): string {
  const written = module.mounts.filter(({ readonly }) => !readonly).map(({ source }) => source);
  const own = [...Object.values(module.envFiles), ...written]
    .filter((path) => path.startsWith(`${module.folder}${sep}`))
    .map((path) => `/${relative(module.folder, path).replaceAll(/[\\*?[\] ]/g, String.raw`\$&`)}`);
  return [...new Set([...own, ".*.novabot-*", ".#*", `${BACK_PREFIX}*`]), ""].join("\n");
}
