import { sep } from "node:path";
import type { ContractModule } from "../../contract/declaration/contract.ts";

/** Whether `module` needs what `other` writes: one of its mounts comes out of the other's folder. */
export function needs(module: ContractModule, other: ContractModule): boolean {
  return module !== other && module.mounts.some(({ source }) => source.startsWith(`${other.folder}${sep}`));
}

/** The modules with each after those that it needs, otherwise in the order given. A circle is broken at its first module. */
export function inOrder(modules: readonly ContractModule[]): ContractModule[] {
  const ordered: ContractModule[] = [];
  const entered = new Set<ContractModule>();
  const enter = (module: ContractModule): void => {
    if (entered.has(module)) return;
    entered.add(module);
    for (const other of modules) if (needs(module, other)) enter(other);
    ordered.push(module);
  };
  for (const module of modules) enter(module);
  return ordered;
}
