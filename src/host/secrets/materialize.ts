import type { ContractModule, ContractUser, EnvironmentName } from "../../contract/declaration/contract.ts";
import type { Identities } from "../../secrets/age/identities.ts";
import type { EnvFileForm } from "../../secrets/materialize/env-file.ts";
import type { Owner } from "../../secrets/file/replace-file.ts";
import { materialize, type Materialized } from "../../secrets/materialize/materialize.ts";
import type { Environment } from "../state.ts";
import { declaredSecretsOf } from "./project.ts";

/** Puts a module's secrets where its Compose file reads them, for the Compose in use; rejects as `materialize` does. */
export async function materializeModule(
  module: ContractModule,
  environment: EnvironmentName,
  form: EnvFileForm,
  identities: Identities,
  env: Environment,
): Promise<Materialized> {
  return await materialize(
    {
      declared: declaredSecretsOf(module, environment),
      target: module.envFiles[environment],
      owner: ownerOf(module.user, env),
      form,
    },
    identities,
  );
}

/** The contract's user; where its variables name another numeric one that is not root, the module runs as that. */
function ownerOf({ uid, gid, variables }: ContractUser, env: Environment): Owner {
  const chosen = (name: string | undefined, byDefault: number): number => {
    const text = name === undefined ? undefined : env[name];
    return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : byDefault;
  };
  return { uid: chosen(variables?.uid, uid), gid: chosen(variables?.gid, gid) };
}
