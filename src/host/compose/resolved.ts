import { basename } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { NovaError } from "../../model/errors.ts";

/** The project as Compose itself resolved it (`config`): variables, env files and paths are in it as they are. */
export interface ResolvedProject {
  readonly text: string;
  readonly name: string | undefined;
  readonly services: Readonly<Record<string, ResolvedService>>;
}

export interface ResolvedService {
  readonly image: string | undefined;
  readonly build: ResolvedBuild | undefined;
}

export interface ResolvedBuild {
  readonly context: string;
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  /** It asks for more than a context, a Dockerfile and arguments. */
  readonly special: boolean;
}

const argumentsSchema = z
  .union([z.record(z.string(), z.unknown()), z.array(z.string())])
  .transform((args): Record<string, string> => {
    const pairs = Array.isArray(args) ? args.map((arg) => arg.split(/=(.*)/s)) : Object.entries(args);
    return Object.fromEntries(pairs.map(([name, value]) => [String(name), String(value ?? "")]));
  });

const buildSchema = z.union([
  z.string().transform((context): ResolvedBuild => ({ context, dockerfile: "Dockerfile", args: {}, special: false })),
  z
    .looseObject({ context: z.string().optional(), dockerfile: z.string().optional(), args: argumentsSchema.nullish() })
    .transform(({ context, dockerfile, args, ...rest }): ResolvedBuild => ({
      context: context ?? ".",
      dockerfile: dockerfile ?? "Dockerfile",
      args: args ?? {},
      special: Object.keys(rest).length > 0,
    })),
]);

const projectSchema = z.looseObject({
  name: z.string().optional(),
  services: z.record(
    z.string(),
    z
      .looseObject({ image: z.string().optional(), build: buildSchema.optional() })
      .transform(({ image, build }) => ({ image, build })),
  ),
});

/** Reads what `config` printed. Throws `COMPOSE_FAILED` for what is no project. */
export function parseResolved(text: string): ResolvedProject {
  const parsed = projectSchema.safeParse(plain(text));
  if (!parsed.success) throw new NovaError("COMPOSE_FAILED", "Compose resolved the project into something that is no project.");
  return { text, name: parsed.data.name, services: parsed.data.services };
}

/** Compose's own name for a project whose files do not say one. */
export function defaultProjectName(directory: string): string {
  return basename(directory)
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, "")
    .replace(/^[-_]+/, "");
}

/** The resolved project with other directories of the host behind some of its mounts. */
export function withSources(text: string, sources: ReadonlyMap<string, string>): string {
  const document = plain(text);
  const services = isRecord(document) && isRecord(document["services"]) ? Object.values(document["services"]) : [];
  for (const service of services) {
    if (!isRecord(service) || !Array.isArray(service["volumes"])) continue;
    service["volumes"] = service["volumes"].map((volume: unknown): unknown => {
      if (isRecord(volume)) {
        const source = sources.get(String(volume["source"]));
        return source === undefined ? volume : { ...volume, source };
      }
      if (typeof volume !== "string") return volume;
      const [from = "", ...rest] = volume.split(":");
      const source = sources.get(from);
      return source === undefined ? volume : [source, ...rest].join(":");
    });
  }
  return stringify(document);
}

function plain(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 1000 });
  } catch (cause) {
    throw new NovaError("COMPOSE_FAILED", "Compose resolved the project into something that is no YAML.", { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
