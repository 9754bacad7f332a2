import type { Placed } from "../source/place.ts";
import { get, getMap, getScalar, items } from "./build.ts";
import type { MapNode, Node } from "./node.ts";
import type { ServiceMount } from "./project.ts";
import { isText, placed } from "./text.ts";

const KINDS: ReadonlySet<string> = new Set(["bind", "volume", "tmpfs", "npipe", "cluster", "image"]);

/** Every mount of a service in the order of the file: `volumes`, `tmpfs`, `secrets` and `configs`. */
export function mounts(service: MapNode, root: MapNode): readonly ServiceMount[] {
  const made: ServiceMount[] = [];
  for (const [key, { value }] of service.entries) {
    if (key === "volumes") for (const item of items(value)) made.push(...volume(item));
    if (key === "tmpfs") for (const item of isText(value) ? [value] : items(value)) made.push(...tmpfs(item));
    if (key === "secrets") for (const item of items(value)) made.push(...file(item, "secret", root));
    if (key === "configs") for (const item of items(value)) made.push(...file(item, "config", root));
  }
  return made;
}

function volume(node: Node): ServiceMount[] {
  if (node.kind !== "map") return [];
  const type = getScalar(node, "type");
  const target = placed(node, "target");
  if (target === undefined || typeof type?.value !== "string" || !KINDS.has(type.value)) return [];
  const kind = type.value as ServiceMount["kind"];
  const mode = getScalar(node, "read_only");
  const source = placed(node, "source");
  return [
    {
      at: node.at,
      kind,
      source: kind === "tmpfs" || source?.value === "" ? undefined : source,
      target,
      readonly: mode?.value === true,
      mode: mode === undefined ? undefined : { value: mode.written, at: mode.at },
      // What a short form was made into stands where the whole of it stands.
      syntax: type.at === node.at ? "short" : "long",
    },
  ];
}

/** `/run:size=64m,ro`: the target goes to the first colon, and the options are the engine's own. */
function tmpfs(node: Node): ServiceMount[] {
  if (!isText(node)) return [];
  const [target = "", options = ""] = node.value.split(":");
  const readonly = options.split(",").includes("ro");
  const mode = options === "" ? undefined : { value: options, at: node.at };
  return [
    { at: node.at, kind: "tmpfs", source: undefined, target: { value: target, at: node.at }, readonly, mode, syntax: "short" },
  ];
}

function file(node: Node, kind: "secret" | "config", root: MapNode): ServiceMount[] {
  if (node.kind !== "map") return [];
  const source = placed(node, "source");
  if (source === undefined) return [];
  const declared = getMap(getMap(root, kind === "secret" ? "secrets" : "configs"), source.value);
  const path = declared === undefined ? undefined : placed(declared, "file");
  const target = absoluteTarget(placed(node, "target"), source, kind);
  // Compose mounts both read-only.
  return [
    {
      at: node.at,
      kind,
      source: path,
      target,
      readonly: true,
      mode: undefined,
      syntax: get(node, "target")?.at === node.at ? "short" : "long",
    },
  ];
}

function absoluteTarget(target: Placed<string> | undefined, source: Placed<string>, kind: "secret" | "config"): Placed<string> {
  if (target === undefined)
    return { value: kind === "secret" ? `/run/secrets/${source.value}` : `/${source.value}`, at: source.at };
  return kind === "secret" && !target.value.startsWith("/") ? { ...target, value: `/run/secrets/${target.value}` } : target;
}
