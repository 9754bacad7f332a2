import { dirname, isAbsolute, join, posix, relative, resolve } from "node:path";
import { quote } from "../../model/errors.ts";
import type { SourceFile } from "../source/place.ts";
import type { Contract, ContractModule } from "./contract.ts";
import type { Places } from "./places.ts";
import type { ContractDocument } from "./schema.ts";

/** What is wrong and where: keys from the root, or offsets. */
export interface Complaint {
  readonly path: readonly string[] | readonly [number, number];
  readonly message: string;
}

/** Fills in the defaults, makes paths absolute, and tells what contradicts itself. */
export function resolveContract(
  source: SourceFile,
  document: ContractDocument,
  places: Places,
): { readonly contract: Contract; readonly complaints: readonly Complaint[] } {
  const root = dirname(source.path);
  const { defaults } = document;
  const complaints: Complaint[] = [];
  const modules = Object.entries(document.modules).map(([name, declared]): ContractModule => {
    const path = ["modules", name];
    const folder = resolve(root, declared.folder);
    const port =
      declared.port === undefined ? undefined : { ...declared.port, address: declared.port.address ?? defaults.address };
    const healthPort = declared.health?.port ?? port?.container;
    if (declared.health !== undefined && healthPort === undefined) {
      complaints.push({
        path: [...path, "health"],
        message: `${quote(name)}: health needs a port, since the module publishes none`,
      });
    }
    return {
      name,
      at: places.key(path),
      folder,
      composeFiles: (declared.compose ?? defaults.compose).map((file) => join(folder, file)),
      service: declared.service ?? name,
      image: declared.image,
      user: { variables: undefined, ...(declared.user ?? defaults.user) },
      restart: declared.restart ?? defaults.restart,
      network: { variable: defaults.network.variable, default: defaults.network.default },
      port,
      health:
        declared.health === undefined
          ? undefined
          : { path: declared.health.path, port: healthPort ?? 0, body: declared.health.body },
      mounts: declared.mounts.map((mount, index) => ({
        target: mount.target,
        source: resolve(folder, mount.source),
        readonly: mount.mode === "ro",
        at: places.at([...path, "mounts", String(index)]),
      })),
      log: declared.log === undefined ? undefined : posix.join(defaults.logs, declared.log),
      envFiles: { local: join(folder, defaults.env.local), prod: join(folder, defaults.env.prod) },
      secretFiles: {
        local: join(root, defaults.secrets.local.replaceAll("{module}", name)),
        prod: join(root, defaults.secrets.prod.replaceAll("{module}", name)),
      },
      secrets: declared.secrets.map((secret) => ({
        name: secret.name,
        optional: secret.optional,
        generate: secret.generate,
        description: secret.description,
      })),
      exceptions: declared.exceptions,
    };
  });
  complaints.push(...contradictions(root, modules));
  return { contract: { source, root, modules }, complaints };
}

function contradictions(root: string, modules: readonly ContractModule[]): Complaint[] {
  return [
    ...modules.flatMap((module) => {
      const path = ["modules", module.name];
      return [
        ...module.mounts.flatMap((mount, index): Complaint[] =>
          isBelow(root, mount.source)
            ? []
            : [{ path: [...path, "mounts", String(index), "source"], message: `${quote(mount.source)} is outside the project` }],
        ),
        ...twice(
          module.mounts,
          ({ target }) => target,
          `${module.name}: two mounts at`,
          (index) => [...path, "mounts", String(index)],
        ),
        ...twice(
          module.secrets,
          ({ name }) => name,
          `${module.name}: two secrets named`,
          (index) => [...path, "secrets", String(index)],
        ),
      ];
    }),
    ...twice(
      modules,
      ({ folder }) => relative(root, folder),
      "two modules in the folder",
      (index) => ["modules", modules[index]?.name ?? "", "folder"],
    ),
    ...twice(
      modules,
      ({ port }) => (port === undefined ? undefined : `${port.address}:${String(port.host)}`),
      "two modules publish",
      (index) => ["modules", modules[index]?.name ?? "", "port"],
    ),
  ];
}

function twice<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  words: string,
  path: (index: number) => readonly string[],
): Complaint[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const key = keyOf(item);
    if (key === undefined) return [];
    if (seen.has(key)) return [{ path: path(index), message: `${words} ${quote(key)}` }];
    seen.add(key);
    return [];
  });
}

function isBelow(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way !== "" && way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}
