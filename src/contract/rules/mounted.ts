import { posix, resolve } from "node:path";
import type { ComposeProject, Service, ServiceMount } from "../compose/project.ts";
import type { Place } from "../source/place.ts";
import { itemsOf, textOf, under } from "./values.ts";
import type { PaperFacts } from "./subject.ts";

/** A mount as it will be in the container. */
export interface Mounted {
  readonly mount: ServiceMount;
  readonly at: Place;
  /** Without `..`, doubled and trailing slashes. */
  readonly target: string;
  /** The directory or file of the host, symbolic links followed; that of a volume too which is bound to one. */
  readonly source: string | undefined;
  /** The same before links were followed. */
  readonly named: string | undefined;
  readonly readonly: boolean;
  /** Another mount at the same target comes later: the engine takes that one. */
  readonly hiddenBy: ServiceMount | undefined;
}

const known = new WeakMap<PaperFacts, Map<Service, readonly Mounted[]>>();

/** Every mount of a service in the order in which the last one at a target wins, with those that `volumes_from` brings before its own. */
export function mountedIn(project: ComposeProject, service: Service, facts: PaperFacts): readonly Mounted[] {
  const before = known.get(facts) ?? new Map<Service, readonly Mounted[]>();
  known.set(facts, before);
  const mounted = before.get(service) ?? assembled(project, service, facts);
  before.set(service, mounted);
  return mounted;
}

function assembled(project: ComposeProject, service: Service, facts: PaperFacts): readonly Mounted[] {
  const all = [
    ...inherited(project, service, new Set([service.name])),
    ...service.mounts.map((mount) => ({ mount, at: mount.at, readonly: false })),
  ];
  const last = new Map(all.map(({ mount }) => [cleaned(mount.target.value), mount]));
  return all.map(({ mount, at, readonly }) => {
    const bound = mount.kind === "volume" ? boundVolume(project, mount) : undefined;
    const named = bound?.device ?? (hasHostPath(mount) ? cleaned(mount.source?.value ?? "") : undefined);
    const target = cleaned(mount.target.value);
    const winner = last.get(target);
    return {
      mount,
      at,
      target,
      named,
      source: named === undefined ? undefined : facts.real(bound?.mounted ?? named),
      readonly: readonly || mount.readonly || bound?.readonly === true,
      hiddenBy: winner === mount ? undefined : winner,
    };
  });
}

/** Whether one path is the other or lies below it, either way round. */
export function overlap(one: string, other: string): boolean {
  return contains(one, other) || contains(other, one);
}

export function contains(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

/** `//run/../var` is `/var`. */
export function cleaned(path: string): string {
  const normal = posix.normalize(path).replace(/^\/\/+/, "/");
  return normal.length > 1 ? normal.replace(/\/+$/, "") : normal;
}

function hasHostPath({ kind, source }: ServiceMount): boolean {
  return (
    source !== undefined && (kind === "bind" || kind === "secret" || kind === "config" || kind === "npipe") && source.value !== ""
  );
}

/** A named volume of the local driver may be a bind by another name. */
function boundVolume(
  project: ComposeProject,
  mount: ServiceMount,
): { readonly device: string; readonly mounted: string; readonly readonly: boolean } | undefined {
  const volume = mount.source === undefined ? undefined : project.volumes.get(mount.source.value);
  const options = under(volume?.node, "driver_opts");
  const device = textOf(under(options, "device"));
  const words = (textOf(under(options, "o")) ?? "").split(",").map((word) => word.trim());
  if (device === undefined || !/^[./~]/.test(device) || !words.some((word) => /^r?bind$/.test(word))) return undefined;
  // The kernel gets it as it stands, and follows a link before it goes up with `..`.
  const mounted = device.startsWith("/") ? device : `${project.directory}/${device}`;
  return { device: cleaned(resolve(project.directory, device)), mounted, readonly: words.includes("ro") };
}

interface Inherited {
  readonly mount: ServiceMount;
  readonly at: Place;
  readonly readonly: boolean;
}

function inherited(project: ComposeProject, service: Service, seen: ReadonlySet<string>): Inherited[] {
  return itemsOf(under(service.node, "volumes_from")).flatMap((item) => {
    const [name = "", mode] = (textOf(item) ?? "").split(":");
    const other = project.services.get(name) ?? project.inactive.get(name);
    if (other === undefined || seen.has(name)) return [];
    const readonly = mode === "ro";
    return [
      ...inherited(project, other, new Set([...seen, name])).map((one) => ({
        ...one,
        at: item.at,
        readonly: readonly || one.readonly,
      })),
      ...other.mounts.map((mount) => ({ mount, at: item.at, readonly })),
    ];
  });
}
