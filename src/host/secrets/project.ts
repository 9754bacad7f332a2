import { isAbsolute, join, resolve } from "node:path";
import type { Contract, ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import { moduleNamed } from "../../contract/declaration/module-named.ts";
import { findContract } from "../../contract/declaration/find.ts";
import { readContract } from "../../contract/declaration/read.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { DeclaredSecrets } from "../../secrets/verify.ts";

export const environmentNames: readonly EnvironmentName[] = ["local", "prod"];

/** Which file of secrets a command means. */
export interface SecretsTarget {
  /** Absolute. */
  readonly file: string;
  /** What the contract says of it, when it belongs to a module. */
  readonly declared: DeclaredSecrets | undefined;
}

/** The nearest contract upward from `cwd`, else the home's; rejects with CONTRACT_NOT_FOUND. */
export async function nearestContract(cwd: string, home: string): Promise<Contract> {
  const path = (await findContract(cwd)) ?? (await findContract(home));
  if (path === undefined) {
    throw new NovaError("CONTRACT_NOT_FOUND", "There is no contract.yaml that says which modules have secrets.", {
      place: cwd,
      next: "Go to a project that has one, name a file of secrets instead of a module, or bring the modules with `novabot modules add`.",
    });
  }
  return await readContract(path);
}

/** `text` as a path when it looks like one (a slash, or an ending of .env), else as a module of the contract. */
export async function secretsTarget(
  text: string,
  environment: EnvironmentName,
  cwd: string,
  home: string,
): Promise<SecretsTarget> {
  if (text.includes("/") || text.endsWith(".env")) {
    const file = isAbsolute(text) ? text : resolve(cwd, text);
    const contract = await nearestContract(join(file, ".."), home).catch((thrown: unknown) => {
      if (thrown instanceof NovaError && thrown.code === "CONTRACT_NOT_FOUND") return undefined;
      throw thrown;
    });
    return { file, declared: contract && declaredSecrets(contract).find((one) => one.file === file) };
  }
  const module = moduleNamed(await nearestContract(cwd, home), text);
  return { file: module.secretFiles[environment], declared: declaredSecretsOf(module, environment) };
}

/** What the contract declares: every module for every environment, those without secrets too. */
export function declaredSecrets(contract: Contract): DeclaredSecrets[] {
  return contract.modules.flatMap((module) => environmentNames.map((environment) => declaredSecretsOf(module, environment)));
}

export function declaredSecretsOf(module: ContractModule, environment: EnvironmentName): DeclaredSecrets {
  const secrets = module.secrets.map(({ name, optional }) => ({ name, optional }));
  return { module: module.name, environment, file: module.secretFiles[environment], secrets };
}

/** `text` as one of the contract's environments; rejects with USAGE. */
export function environmentNamed(text: string): EnvironmentName {
  const name = environmentNames.find((one) => one === text);
  if (name !== undefined) return name;
  throw new NovaError("USAGE", `${quote(text)} is no environment.`, {
    place: "--env",
    next: `Use ${environmentNames.join(" or ")}.`,
  });
}
