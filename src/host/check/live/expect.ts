import type { ComposeProject, Service } from "../../../contract/compose/project.ts";
import type { ContractModule } from "../../../contract/declaration/contract.ts";
import { isRoot, readUser } from "../../../contract/rules/users.ts";
import type { Expectations } from "../../../contract/live/subject.ts";
import type { Environment } from "../../state.ts";

/** What a module's container must be: the contract's word, where it lets the file have its own also the file's. */
export function expectationsOf(
  module: ContractModule | undefined,
  project: ComposeProject | undefined,
  service: Service | undefined,
  env: Environment,
): Expectations {
  const mounts = module
    ? module.mounts.map(({ target, source, readonly, at }) => ({ target, source, readonly, at }))
    : (service?.mounts ?? []).flatMap(({ kind, target, source, readonly, at }) =>
        kind === "bind" ? [{ target: target.value, source: source?.value, readonly, at }] : [],
      );
  return {
    user: userOf(module, service),
    mounts,
    mountsOnly: false,
    hardened: false,
    network: networkOf(module, project, service, env),
  };
}

function userOf(module: ContractModule | undefined, service: Service | undefined): Expectations["user"] {
  const written = service?.user?.value;
  const { uid, gid } = readUser(written === undefined || written === null ? "" : String(written));
  const declared = typeof uid === "number" && typeof gid === "number" && !isRoot(uid) && !isRoot(gid) ? { uid, gid } : undefined;
  if (!module) return declared;
  // Its variables may override the ids, with other numeric ones that are not root's.
  return (module.user.variables && declared) || { uid: module.user.uid, gid: module.user.gid };
}

function networkOf(
  module: ContractModule | undefined,
  project: ComposeProject | undefined,
  service: Service | undefined,
  env: Environment,
): string | undefined {
  if (!module) return undefined;
  const { variable, default: fallback } = module.network;
  const joined = (service?.networks ?? []).flatMap(({ name }) => project?.networks.get(name) ?? []);
  const byVariable = joined.find((network) => network.name?.variables.some((use) => use.name === variable));
  return byVariable?.engineName ?? (env[variable] || fallback);
}
