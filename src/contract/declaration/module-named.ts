import { NovaError, quote } from "../../model/errors.ts";
import type { Contract, ContractModule } from "./contract.ts";

/** The module of that name, or the only one whose name ends with `-TEXT`: `waha`. Throws MODULE_NOT_FOUND. */
export function moduleNamed(contract: Contract, text: string): ContractModule {
  const exact = contract.modules.find(({ name }) => name === text);
  if (exact !== undefined) return exact;
  const endings = contract.modules.filter(({ name }) => name.endsWith(`-${text}`));
  const [only] = endings;
  if (only !== undefined && endings.length === 1) return only;
  const names = (endings.length > 1 ? endings : contract.modules).map(({ name }) => name).join(", ");
  throw new NovaError(
    "MODULE_NOT_FOUND",
    endings.length > 1 ? `${quote(text)} is the end of several modules' names.` : `The contract has no module ${quote(text)}.`,
    { place: contract.source.path, next: names === "" ? "The contract has no modules yet." : `Use one of: ${names}.` },
  );
}
