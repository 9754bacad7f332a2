import { basename, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { NovaError } from "../../model/errors.ts";

/** The project as Compose itself resolved it (`config`): variables, env files and paths are in it as they are. */
export interface ResolvedProject {
  readonly text: string;
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

const argumentSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]).transform((value) => String(value ?? ""));

const argumentsSchema = z.union([
  z.record(z.string(), argumentSchema),
  z.array(z.string()).transform((args) =>
    Object.fromEntries(
      args.map((arg): [string, string] => {
        const [name = "", value = ""] = arg.split(/=(.*)/s);
        return [name, value];
      }),
    ),
  ),
]);

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
  return { text, services: parsed.data.services };
}

/** Compose's own name for a project whose files do not say one. */
export function defaultProjectName(directory: string): string {
  return basename(directory)
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, "")
    .replace(/^[-_]+/, "");
}

/** The name that the files themselves give the project, the last one's; undefined when none does. */
export function declaredProjectName(texts: readonly string[]): string | undefined {
  const names = texts.map((text) => {
    const document = plain(text);
    return isRecord(document) ? document["name"] : undefined;
  });
  return names.findLast((name) => typeof name === "string" && /^[a-z0-9][a-z0-9_-]*$/.test(name)) as string | undefined;
}

/** The resolved project with other directories of the host behind some of its mounts; relative paths begin at `directory`. */
export function withSources(text: string, directory: string, sources: ReadonlyMap<string, string>): string {
  const otherFor = (path: unknown): string | undefined => sources.get(resolve(directory, String(path)));
  const document = plain(text);
  const services = isRecord(document) && isRecord(document["services"]) ? Object.values(document["services"]) : [];
  for (const service of services) {
    if (!isRecord(service) || !Array.isArray(service["volumes"])) continue;
    service["volumes"] = service["volumes"].map((volume: unknown): unknown => {
      if (isRecord(volume)) {
        const source = otherFor(volume["source"]);
        return source === undefined ? volume : { ...volume, source };
      }
      if (typeof volume !== "string") return volume;
      const [from = "", ...rest] = volume.split(":");
      const source = otherFor(from);
      return source === undefined ? volume : [source, ...rest].join(":");
    });
  }
  return stringify(document);
}

function plain(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 1000, merge: true });
  } catch (cause) {
    throw new NovaError("COMPOSE_FAILED", "Compose resolved the project into something that is no YAML.", { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
