import { basename } from "node:path";
import { readProject } from "../../contract/compose/read.ts";
import type { ContractModule, ContractUser, EnvironmentName } from "../../contract/declaration/contract.ts";
import { NovaError } from "../../model/errors.ts";
import type { Identities } from "../../secrets/age/identities.ts";
import type { Owner } from "../../secrets/file/replace-file.ts";
import type { EnvFileForm } from "../../secrets/materialize/env-file.ts";
import { materialize, type Materialized } from "../../secrets/materialize/materialize.ts";
import type { Environment } from "../state.ts";
import { declaredSecretsOf } from "./project.ts";

/** To the kernel it means that an owner stays as it is. */
const NO_ID = 2 ** 32 - 1;

/** Puts a module's secrets where its Compose file reads them, for the Compose in use; rejects as `materialize` does. */
export async function materializeModule(
  module: ContractModule,
  environment: EnvironmentName,
  form: EnvFileForm,
  identities: Identities,
  env: Environment,
): Promise<Materialized> {
  const target = module.envFiles[environment];
  const format = form.format ?? (await formatOf(module, target, env));
  return await materialize(
    {
      declared: declaredSecretsOf(module, environment),
      target,
      owner: ownerOf(module.user, env),
      form: { ...form, format },
    },
    identities,
  );
}

/** The `format:` that the module's Compose file gives its env file; undefined when it gives none, or cannot be read at all. */
async function formatOf(module: ContractModule, target: string, env: Environment): Promise<string | undefined> {
  const { project } = await readProject({
    files: module.composeFiles,
    environment: { ...env, RUNTIME_ENV_FILE: basename(target) },
  });
  const readers = [...(project?.services.values() ?? [])]
    .flatMap(({ envFiles }) => envFiles)
    .filter(({ path }) => path.value === target);
  const [first, ...others] = readers.map(({ format }) => format);
  if (others.every((other) => other === first)) return first;
  throw new NovaError("SECRETS_UNREPRESENTABLE", "Services of the module read the env file in different formats.", {
    place: module.composeFiles[0] ?? target,
    next: "Give each `env_file` of it the same `format`, or none.",
  });
}

/** The contract's user; where its variables name another numeric one that is not root, the module runs as that. */
function ownerOf({ uid, gid, variables }: ContractUser, env: Environment): Owner {
  const chosen = (name: string | undefined, byDefault: number): number => {
    const text = name === undefined ? undefined : env[name];
    return text !== undefined && /^[1-9]\d{0,9}$/.test(text) && Number(text) < NO_ID ? Number(text) : byDefault;
  };
  return { uid: chosen(variables?.uid, uid), gid: chosen(variables?.gid, gid) };
}
