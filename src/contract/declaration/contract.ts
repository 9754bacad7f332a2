import type { Place, SourceFile } from "../source/place.ts";

/** `contract.yaml` as it was read: defaults filled in, paths absolute, every part with its place. */
export interface Contract {
  readonly source: SourceFile;
  /** The directory of `contract.yaml`, absolute; the modules' folders are below it. */
  readonly root: string;
  readonly modules: readonly ContractModule[];
}

export interface ContractModule {
  /** `whatsapp-adapter-waha`. */
  readonly name: string;
  readonly at: Place;
  /** Absolute. */
  readonly folder: string;
  /** Absolute paths of its Compose files, in order. */
  readonly composeFiles: readonly string[];
  readonly service: string;
  /** The image's name without its tag, when the contract demands one. */
  readonly image: string | undefined;
  readonly user: ContractUser;
  readonly restart: string;
  readonly network: { readonly variable: string; readonly default: string | undefined };
  readonly port: { readonly address: string; readonly host: number; readonly container: number } | undefined;
  readonly health:
    | {
        readonly path: string;
        readonly port: number;
        /** JSON or text that the answer must hold. */ readonly body: string | undefined;
      }
    | undefined;
  readonly mounts: readonly ContractMount[];
  /** Absolute path in the container; below `/app/logs` unless the contract says otherwise. */
  readonly log: string | undefined;
  /** Env files by environment, absolute: `local` → `<folder>/.env.local`, `prod` → `<folder>/.env.server`. */
  readonly envFiles: Readonly<Record<EnvironmentName, string>>;
  /** The encrypted files, absolute: `secrets/<env>/<module>.env`. */
  readonly secretFiles: Readonly<Record<EnvironmentName, string>>;
  readonly secrets: readonly ContractSecret[];
  /** Rules that do not count for this module, with the reason that the contract gives. */
  readonly exceptions: readonly { readonly rule: string; readonly reason: string }[];
}

export type EnvironmentName = "local" | "prod";

export interface ContractUser {
  readonly uid: number;
  readonly gid: number;
  /** Names of variables that may override the ids; another numeric non-root id is then kept. */
  readonly variables: { readonly uid: string; readonly gid: string } | undefined;
}

export interface ContractMount {
  /** Absolute path in the container. */
  readonly target: string;
  /** Absolute path on the host. */
  readonly source: string;
  readonly readonly: boolean;
  readonly at: Place;
}

export interface ContractSecret {
  readonly name: string;
  /** It may be missing. */
  readonly optional: boolean;
  /** How a new installation gets a value without a person: `hex32` is 32 random bytes in hexadecimal. */
  readonly generate: "hex32" | undefined;
  readonly description: string | undefined;
}
