import { z } from "zod";
import type { ContainerDescription, ImageDescription, NetworkDescription } from "../observation.ts";
import { readAnswer } from "./answers.ts";

/** Readers of what the Engine API tells of containers, images and networks that anybody may have made. */

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const texts = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
/** What images and old containers have as one string or as a list. */
const words = z
  .union([z.string(), z.array(z.string())])
  .nullish()
  .transform((value) => [value ?? []].flat());
const textMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
const amount = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);

const healthcheck = z.object({ Test: texts }).nullish();

const bindings = z
  .record(z.string(), z.array(z.object({ HostIp: text, HostPort: text })).nullish())
  .nullish()
  .transform((value) => value ?? {});

const container = z.object({
  Id: z.string().min(1),
  Name: z.string(),
  Created: z.string(),
  Image: z.string(),
  Path: text,
  RestartCount: amount,
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    Pid: z.number().int().nonnegative(),
    ExitCode: z.number().int(),
    StartedAt: text,
    Health: z
      .object({
        Status: text,
        Log: z.array(z.object({ End: text, ExitCode: z.number().int(), Output: text })).nullish(),
      })
      .nullish(),
  }),
  Config: z.object({
    Image: z.string(),
    User: text,
    Labels: textMap,
    Env: texts,
    Cmd: words,
    Entrypoint: words,
    Healthcheck: healthcheck,
  }),
  HostConfig: z.object({
    RestartPolicy: z.object({ Name: text }).nullish(),
    Privileged: flag,
    CapAdd: texts,
    CapDrop: texts,
    SecurityOpt: texts,
    GroupAdd: texts,
    Devices: z
      .array(z.object({ PathOnHost: text }))
      .nullish()
      .transform((value) => value ?? []),
    ReadonlyRootfs: flag,
    Init: flag,
    Memory: amount,
    NanoCpus: amount,
    CpuQuota: amount,
    CpuPeriod: amount,
    PidsLimit: amount,
    PidMode: text,
    IpcMode: text,
    UTSMode: text,
    UsernsMode: text,
    CgroupnsMode: text,
    NetworkMode: text,
    Tmpfs: textMap,
  }),
  Mounts: z
    .array(z.object({ Type: text, Name: text, Source: text, Destination: z.string(), RW: z.boolean() }))
    .nullish()
    .transform((value) => value ?? []),
  NetworkSettings: z
    .object({
      Ports: bindings,
      Networks: z
        .record(z.string(), z.object({ IPAddress: text, Aliases: texts }))
        .nullish()
        .transform((value) => value ?? {}),
    })
    .nullish(),
});

export function readDescription(body: unknown): ContainerDescription {
  const { Config: config, HostConfig: host, State: state, ...found } = readAnswer(container, body, "a container");
  const ended = state.Status === "exited" || state.Status === "dead" || state.Status === "stopped";
  const mounts = found.Mounts.map((mount) => ({
    kind: mount.Type || "bind",
    source: mount.Type === "volume" ? mount.Name || mount.Source : mount.Source,
    target: mount.Destination,
    readonly: !mount.RW,
  }));
  // Podman tells of a tmpfs here alone, Docker of one that was asked for in the short form.
  const temporary = Object.entries(host.Tmpfs)
    .filter(([target]) => !mounts.some((mount) => mount.target === target))
    .map(([target, options]) => ({ kind: "tmpfs", source: "", target, readonly: /(^|,)ro(,|$)/.test(options) }));
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    labels: config.Labels,
    status: state.Status,
    running: state.Running,
    createdAtMs: instant(found.Created) ?? 0,
    startedAtMs: instant(state.StartedAt),
    restarts: found.RestartCount,
    exitCode: ended ? state.ExitCode : null,
    imageID: found.Image,
    image: config.Image || found.Image,
    user: config.User,
    groups: host.GroupAdd,
    command: config.Cmd,
    entrypoint: config.Entrypoint,
    env: config.Env,
    restartPolicy: host.RestartPolicy?.Name || "no",
    privileged: host.Privileged,
    capabilitiesAdded: host.CapAdd,
    capabilitiesDropped: host.CapDrop,
    securityOptions: host.SecurityOpt,
    devices: host.Devices.map((device) => device.PathOnHost),
    readonlyRoot: host.ReadonlyRootfs,
    init: host.Init || found.Path === "/dev/init" || found.Path === "/run/podman-init",
    memoryBytes: limit(host.Memory),
    cpus: limit(host.NanoCpus / 1e9) ?? (host.CpuQuota > 0 ? host.CpuQuota / (host.CpuPeriod || 100_000) : null),
    pidsLimit: limit(host.PidsLimit),
    namespaces: {
      pid: shared(host.PidMode),
      ipc: shared(host.IpcMode),
      uts: shared(host.UTSMode),
      network: shared(host.NetworkMode),
      // `private` tells that the container has user ids of its own.
      user: host.UsernsMode,
      cgroup: shared(host.CgroupnsMode),
    },
    mounts: [...mounts, ...temporary],
    networks: Object.fromEntries(
      Object.entries(found.NetworkSettings?.Networks ?? {}).map(([name, network]) => [
        name,
        { address: network.IPAddress, aliases: network.Aliases },
      ]),
    ),
    ports: Object.entries(found.NetworkSettings?.Ports ?? {}).flatMap(([port, hosts]) => {
      const [number = "", protocol = "tcp"] = port.split("/");
      return (hosts ?? []).map((bound) => ({
        container: Number(number),
        protocol,
        hostAddress: bound.HostIp,
        host: Number(bound.HostPort),
      }));
    }),
    health: readHealth(state.Health),
    healthcheck: config.Healthcheck ? config.Healthcheck.Test : null,
    pid: state.Pid > 0 ? state.Pid : null,
  };
}

function readHealth(found: z.infer<typeof container>["State"]["Health"]): ContainerDescription["health"] {
  const status = found?.Status;
  // Docker says `none` of a container without a check, Podman nothing.
  if (status !== "starting" && status !== "healthy" && status !== "unhealthy") return null;
  const log = (found?.Log ?? []).map((entry) => ({
    exitCode: entry.ExitCode,
    output: entry.Output,
    endedAtMs: instant(entry.End) ?? 0,
  }));
  return { status, log };
}

const image = z.object({
  Id: z.string().min(1),
  RepoTags: texts,
  Config: z
    .object({
      User: text,
      Env: texts,
      Labels: textMap,
      Entrypoint: words,
      Cmd: words,
      Healthcheck: healthcheck,
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
});

const history = z.array(z.object({ CreatedBy: text }));

export function readImageDescription(body: unknown, historyBody: unknown): ImageDescription {
  const found = readAnswer(image, body, "an image");
  const config = found.Config;
  return {
    id: found.Id,
    tags: found.RepoTags,
    user: config?.User ?? "",
    env: config?.Env ?? [],
    labels: config?.Labels ?? {},
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    healthcheck: config?.Healthcheck ? config.Healthcheck.Test : null,
    exposedPorts: Object.keys(config?.ExposedPorts ?? {}),
    volumes: Object.keys(config?.Volumes ?? {}),
    history: readAnswer(history, historyBody, "an image's history").map((layer) => layer.CreatedBy),
  };
}

const network = z.object({
  Id: z.string().min(1),
  Name: z.string().min(1),
  Driver: text,
  Internal: flag,
  Labels: textMap,
});

export function readNetwork(body: unknown): NetworkDescription {
  const found = readAnswer(network, body, "a network");
  return { id: found.Id, name: found.Name, driver: found.Driver, internal: found.Internal, labels: found.Labels };
}

const processes = z.object({ Titles: z.array(z.string()), Processes: z.array(z.array(z.string())).nullish() });

/** The numbers in the one column that was asked for. */
export function readProcesses(body: unknown): number[] {
  // What Podman answers of a container that does not run.
  if (body === undefined) return [];
  const found = readAnswer(processes, body, "a container's processes");
  const pids = (found.Processes ?? []).map(([pid]) => Number(pid));
  return pids.filter((pid) => Number.isInteger(pid) && pid > 0);
}

/** Podman says `private`, Docker nothing or `private`, of a namespace that is the container's own. */
function shared(mode: string): string {
  return mode === "host" || mode.startsWith("container:") || mode.startsWith("ns:") ? mode : "";
}

function limit(value: number): number | null {
  return value > 0 ? value : null;
}

/** Null of the year 1, which is what both engines say of what never was. */
function instant(date: string): number | null {
  const parsed = Date.parse(date);
  return Number.isNaN(parsed) || parsed <= 0 ? null : parsed;
}
