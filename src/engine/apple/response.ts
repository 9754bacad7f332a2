import { z } from "zod";
import { NovaError, quote } from "../../model/errors.ts";
import type { BuildProgress, ContainerInfo, ImageInfo } from "../engine.ts";

/** Readers of what Apple's `container` program prints, in the JSON of its versions from 1.0 on. */

const stringMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

const container = z.object({
  configuration: z.object({
    id: z.string().min(1),
    labels: stringMap,
    image: z.object({ reference: z.string() }),
    initProcess: z.object({
      user: z
        .object({
          id: z.object({ uid: z.number(), gid: z.number() }).nullish(),
          raw: z.object({ userString: z.string() }).nullish(),
        })
        .nullish(),
    }),
    mounts: z
      .array(z.object({ source: z.string(), destination: z.string(), options: z.array(z.string()).nullish() }))
      .nullish()
      .transform((value) => value ?? []),
    creationDate: z.union([z.string(), z.number()]).nullish(),
  }),
  status: z.object({
    state: z.string(),
    networks: z
      .array(z.object({ network: z.string(), ipv4Address: z.string().nullish() }))
      .nullish()
      .transform((value) => value ?? []),
    startedDate: z.union([z.string(), z.number()]).nullish(),
  }),
});

/** The containers that `inspect` and `ls --format json` print. */
export function readContainers(text: string): ContainerInfo[] {
  return read(z.array(container), text, "its containers").map(({ configuration, status }) => {
    const user = configuration.initProcess.user;
    return {
      // Apple's ids are the names that containers were given.
      id: configuration.id,
      name: configuration.id,
      labels: configuration.labels,
      running: status.state === "running" || status.state === "stopping",
      createdAtMs: milliseconds(configuration.creationDate ?? status.startedDate),
      exitCode: null,
      outOfMemory: false,
      image: configuration.image.reference,
      user: user?.id ? `${user.id.uid}:${user.id.gid}` : (user?.raw?.userString ?? ""),
      mounts: configuration.mounts.map((mount) => ({
        source: mount.source,
        target: mount.destination,
        readonly: (mount.options ?? []).some((option) => option === "ro" || option === "readonly"),
      })),
      addresses: Object.fromEntries(
        status.networks.flatMap(({ network, ipv4Address }) =>
          ipv4Address ? [[network, ipv4Address.replace(/\/\d+$/, "")]] : [],
        ),
      ),
      pid: null,
    };
  });
}

const image = z.object({
  id: z.string().nullish(),
  configuration: z.object({ name: z.string().nullish(), descriptor: z.object({ digest: z.string() }).nullish() }).nullish(),
  variants: z.array(
    z.object({
      platform: z.object({ os: z.string(), architecture: z.string() }),
      size: z.number().nonnegative().nullish(),
      config: z.object({ config: z.object({ Labels: stringMap, User: z.string().nullish() }).nullish() }),
    }),
  ),
});

/** The image that `image inspect` prints, in its Linux variant. */
export function readImage(text: string): ImageInfo | undefined {
  const found = read(z.array(image), text, "an image")[0];
  if (!found) return undefined;
  const variant = found.variants.find((one) => one.platform.os === "linux");
  return {
    id: found.configuration?.descriptor?.digest ?? found.id ?? "",
    tags: found.configuration?.name ? [found.configuration.name] : [],
    labels: variant?.config.config?.Labels ?? {},
    sizeBytes: variant?.size ?? 0,
    user: variant?.config.config?.User ?? "",
  };
}

/** The version in `container CLI version 1.2.0 (build: release, commit: 6e65319)`. */
export function readVersion(text: string): string {
  const version = /\bversion:? v?(\d+\.\d+\.\d+\S*)/.exec(text)?.[1];
  if (version) return version;
  throw new NovaError("ENGINE_RESPONSE", `Apple Container's version cannot be read from ${quote(text)}.`);
}

/** Whether an error that the program printed says that the thing it was asked about is not there. */
export function saysMissing(text: string): boolean {
  return /not ?found|no such|does not exist/i.test(text);
}

/** Whether it says that a container of that name exists. */
export function saysExists(text: string): boolean {
  return /already exists|\bexists:/i.test(text);
}

/** A line of BuildKit's plain progress: `#7 [agent 2/5] RUN apt-get update`. */
export function readBuildLine(line: string): BuildProgress {
  const match = /^#\d+ \[(?:[^\]\s]+ )?(\d+)\/(\d+)\] (.*)$/.exec(line);
  if (!match) return { kind: "output", step: null, steps: null, text: line };
  return { kind: "instruction", step: Number(match[1]), steps: Number(match[2]), text: match[3] ?? "" };
}

function read<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NovaError("ENGINE_RESPONSE", `What Apple Container says of ${what} is not JSON: ${quote(text)}.`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new NovaError(
    "ENGINE_RESPONSE",
    `What Apple Container says of ${what} cannot be read: ${issue?.path.join(".")}: ${issue?.message}.`,
    {
      next: "NovaBot needs version 1.0 or newer of it.",
      facts: { text: quote(text, 400) },
    },
  );
}

/** Dates are ISO 8601, or seconds since 2001 in older answers. */
function milliseconds(date: string | number | null | undefined): number {
  if (typeof date === "number") return (date + 978_307_200) * 1000;
  const parsed = Date.parse(date ?? "");
  return Number.isNaN(parsed) ? 0 : parsed;
}
