import type { ComposeFlavour } from "../../model/compose-flavour.ts";
import type { Environment } from "../state.ts";

/** A Compose program that was asked for its version. */
export interface ComposeProgram {
  readonly flavour: ComposeFlavour;
  /** `2.26.1`. */
  readonly version: string;
  /** What is run; Compose's own arguments follow. */
  readonly argv: readonly string[];
  /** The whole environment that it runs in: the engine's address is set, whatever else the caller's environment names. */
  readonly env: Environment;
}

/** The engine that Compose shall speak to. */
export interface ComposeEngine {
  /** `docker`, `podman` or `apple`. */
  readonly name: string;
  /** The socket's path. */
  readonly endpoint: string;
}

/** What Compose would take for orders of the person's, and keys that are none of its business. */
const TAKEN_OUT =
  /^(COMPOSE_|DOCKER_(HOST|CONTEXT|TLS|CERT_PATH|API_VERSION|DEFAULT_PLATFORM)|CONTAINER_(HOST|CONNECTION|SSHKEY)|SOPS_)/;

/** The environment for a Compose that speaks to `engine`, from the caller's own; pure. */
export function composeEnvironment(env: Environment, engine: ComposeEngine): Environment {
  const kept = Object.entries(env).filter(([name]) => !TAKEN_OUT.test(name));
  const address = `unix://${engine.endpoint}`;
  return {
    ...Object.fromEntries(kept),
    DOCKER_HOST: address,
    // What podman-compose calls.
    CONTAINER_HOST: address,
    // The classic builder is everywhere; BuildKit needs a plug-in that may be missing.
    DOCKER_BUILDKIT: "0",
    COMPOSE_DOCKER_CLI_BUILD: "0",
    COMPOSE_ANSI: "never",
    COMPOSE_INTERACTIVE_NO_CLI: "1",
    NO_COLOR: "1",
  };
}

/** Which Compose has written this answer to `version`; undefined when none that is known. */
export function parseComposeVersion(output: string): { readonly flavour: ComposeFlavour; readonly version: string } | undefined {
  const podman = /podman-compose\w*\s+version:?\s+v?(\d[\w.+~-]*)/i.exec(output)?.[1];
  if (podman !== undefined) return { flavour: "podman-compose", version: podman };
  const version = /(?:^|compose version:?\s+)v?(\d+\.\d+[\w.+~-]*)/im.exec(output)?.[1];
  if (version === undefined) return undefined;
  return { flavour: version.startsWith("1.") ? "compose-v1" : "compose-v2", version };
}
