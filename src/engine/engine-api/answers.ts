import { z } from "zod";
import type { ContainerInfo, ContainerSummary, EngineEvent, ImageInfo } from "../engine.ts";
import { unreadable } from "./errors.ts";

/** Readers of what the Engine API answers. Only the fields in use are looked at; each must have its type. */

const stringMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

/** `body` as `schema` has it, or `ENGINE_RESPONSE` with what is wrong in it. */
export function readAnswer<T>(schema: z.ZodType<T>, body: unknown, what: string): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw unreadable(what, `${issue?.path.join(".") || "the answer"}: ${issue?.message ?? "is not valid"}`, body);
}

const identified = z.object({ Id: z.string().min(1).max(256) });

/** The id in the answer to a create request. */
export function readID(body: unknown, what: string): string {
  return readAnswer(identified, body, what).Id;
}

const image = z.object({
  Id: z.string().min(1),
  RepoTags: z.array(z.string()).nullish(),
  Size: z.number().nonnegative().catch(0),
  Config: z
    .object({ Labels: stringMap, User: z.string().nullish() })
    .nullish()
    .transform((config) => config ?? { Labels: {}, User: "" }),
});

export function readImage(body: unknown): ImageInfo {
  const found = readAnswer(image, body, "an image");
  const { Labels: labels, User: user } = found.Config;
  return { id: found.Id, tags: found.RepoTags ?? [], labels, sizeBytes: found.Size, user: user ?? "" };
}

const container = z.object({
  Id: z.string().min(1),
  Name: z.string(),
  Created: z.string(),
  Image: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    OOMKilled: z.boolean().nullish(),
    Pid: z.number().int().nonnegative(),
    ExitCode: z.number().int(),
  }),
  Config: z.object({ Image: z.string(), User: z.string().nullish(), Labels: stringMap, OpenStdin: z.boolean().nullish() }),
  HostConfig: z.object({ AutoRemove: z.boolean().nullish() }).nullish(),
  Mounts: z
    .array(z.object({ Source: z.string().default(""), Destination: z.string(), RW: z.boolean() }))
    .nullish()
    .transform((value) => value ?? []),
  NetworkSettings: z
    .object({ Networks: z.record(z.string(), z.object({ IPAddress: z.string().nullish() })).nullish() })
    .nullish(),
});

/** What `inspect` says, with what only drivers ask for. */
export interface InspectedContainer extends ContainerInfo {
  /** The engine's word: `created`, `running`, `exited`, … */
  readonly status: string;
  /** The engine removes it when it has exited. */
  readonly engineRemoves: boolean;
  /** It has a standard input. */
  readonly takesInput: boolean;
}

export function readContainer(body: unknown): InspectedContainer {
  const found = readAnswer(container, body, "a container");
  const addresses: Record<string, string> = {};
  for (const [name, network] of Object.entries(found.NetworkSettings?.Networks ?? {})) {
    if (network.IPAddress) addresses[name] = network.IPAddress;
  }
  const status = found.State.Status;
  const ended = status === "exited" || status === "dead" || status === "stopped";
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    labels: found.Config.Labels,
    running: found.State.Running,
    createdAtMs: milliseconds(found.Created),
    exitCode: ended ? found.State.ExitCode : null,
    outOfMemory: found.State.OOMKilled ?? false,
    image: found.Config.Image || found.Image,
    user: found.Config.User ?? "",
    mounts: found.Mounts.map((mount) => ({ source: mount.Source, target: mount.Destination, readonly: !mount.RW })),
    addresses,
    pid: found.State.Pid > 0 ? found.State.Pid : null,
    status,
    engineRemoves: found.HostConfig?.AutoRemove ?? false,
    takesInput: found.Config.OpenStdin ?? false,
  };
}

const listed = z.array(
  z.object({
    Id: z.string().min(1),
    Names: z
      .array(z.string())
      .nullish()
      .transform((value) => value ?? []),
    Labels: stringMap,
    State: z.string(),
    Created: z.union([z.number(), z.string()]),
  }),
);

export function readContainers(body: unknown): ContainerSummary[] {
  return readAnswer(listed, body, "the list of containers").map((found) => ({
    id: found.Id,
    name: (found.Names[0] ?? "").replace(/^\//, ""),
    labels: found.Labels,
    running: found.State === "running" || found.State === "paused" || found.State === "stopping",
    createdAtMs: typeof found.Created === "number" ? found.Created * 1000 : milliseconds(found.Created),
  }));
}

const waited = z.object({ StatusCode: z.number().int(), Error: z.object({ Message: z.string().nullish() }).nullish() });

export function readWait(body: unknown): { readonly exitCode: number; readonly error: string | undefined } {
  const found = readAnswer(waited, body, "a container's end");
  return { exitCode: found.StatusCode, error: found.Error?.Message || undefined };
}

const executed = z.object({ ExitCode: z.number().int().nullish(), Running: z.boolean() });

export function readExec(body: unknown): { readonly exitCode: number | undefined; readonly running: boolean } {
  const found = readAnswer(executed, body, "a command in a container");
  return { exitCode: found.ExitCode ?? undefined, running: found.Running };
}

const version = z.object({
  Version: z.string(),
  Arch: z.string().nullish(),
  Components: z.array(z.object({ Name: z.string(), Version: z.string().nullish() })).nullish(),
});
const info = z.object({
  NCPU: z.number().nonnegative().catch(0),
  KernelVersion: z.string().nullish().catch(""),
  MemTotal: z.number().nonnegative().catch(0),
  Architecture: z.string().catch(""),
  SecurityOptions: z.array(z.string()).nullish().catch([]),
  Rootless: z.boolean().nullish().catch(false),
});

/** What `/version` and `/info` say together. */
export interface DaemonFacts {
  readonly product: "Docker" | "Podman";
  readonly version: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly rootless: boolean;
  /** The daemon gives containers' users other ids on the host (`userns-remap`). */
  readonly remapped: boolean;
  /** The release of the kernel that its containers run on, `6.1.0-28-amd64`; empty when it does not say. */
  readonly kernel: string;
}

export function readDaemon(versionBody: unknown, infoBody: unknown): DaemonFacts {
  const said = readAnswer(version, versionBody, "its version");
  const facts = readAnswer(info, infoBody, "itself");
  return {
    // Podman serves Docker's API, often on Docker's own socket; its first component tells.
    product: said.Components?.some((component) => /podman/i.test(component.Name)) ? "Podman" : "Docker",
    version: said.Version,
    architecture: facts.Architecture || (said.Arch ?? ""),
    cpus: facts.NCPU,
    memoryBytes: facts.MemTotal,
    rootless: (facts.Rootless ?? false) || (facts.SecurityOptions ?? []).some((option) => option.includes("rootless")),
    remapped: (facts.SecurityOptions ?? []).some((option) => option.includes("userns")),
    kernel: facts.KernelVersion ?? "",
  };
}

const event = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.coerce.string()).nullish() }),
});

const eventTypes: Readonly<Record<string, EngineEvent["type"]>> = {
  create: "created",
  start: "started",
  die: "died",
  died: "died",
  oom: "out of memory",
  destroy: "removed",
  remove: "removed",
};

/** The engine's words for the events that `readEvent` knows. */
export const eventNames: readonly string[] = Object.keys(eventTypes);

/** An event of a container; undefined for those that NovaBot does not tell. */
export function readEvent(value: unknown): EngineEvent | undefined {
  const found = readAnswer(event, value, "an event");
  const type = eventTypes[found.Action];
  if (found.Type !== "container" || type === undefined) return undefined;
  const attributes = found.Actor.Attributes ?? {};
  const code = attributes["exitCode"] ?? attributes["containerExitCode"];
  return { type, id: found.Actor.ID, labels: attributes, exitCode: type === "died" && code !== undefined ? Number(code) : null };
}

function milliseconds(date: string): number {
  const parsed = Date.parse(date);
  return Number.isNaN(parsed) ? 0 : parsed;
}
