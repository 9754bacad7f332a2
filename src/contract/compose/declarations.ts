import type { Place } from "../source/place.ts";
import { getMap, getScalar, getText } from "./build.ts";
import type { MapNode, ScalarNode } from "./node.ts";
import type { NetworkDeclaration, VolumeDeclaration } from "./project.ts";
import { placed } from "./text.ts";

/** The networks of a finished document, the default one among them when a service uses it. */
export function networkDeclarations(root: MapNode): Map<string, NetworkDeclaration> {
  const made = new Map<string, NetworkDeclaration>();
  for (const [key, entry] of getMap(root, "networks")?.entries ?? []) {
    const node = entry.value.kind === "map" ? entry.value : undefined;
    const external = getScalar(node, "external");
    made.set(key, {
      key,
      at: entry.key,
      external: typeof external?.value === "boolean" ? { value: external.value, at: external.at } : undefined,
      name: writtenName(node),
      engineName: getText(node, "name") ?? key,
      driver: node === undefined ? undefined : placed(node, "driver"),
    });
  }
  return made;
}

export function volumeDeclarations(root: MapNode): Map<string, VolumeDeclaration> {
  const made = new Map<string, VolumeDeclaration>();
  for (const [key, entry] of getMap(root, "volumes")?.entries ?? []) {
    const node = entry.value.kind === "map" ? entry.value : undefined;
    const external = getScalar(node, "external")?.value === true;
    made.set(key, { key, at: entry.key, external, engineName: getText(node, "name") ?? key, node });
  }
  return made;
}

/** A name that Compose made up stands where the whole declaration stands. */
function writtenName(node: MapNode | undefined): ScalarNode | undefined {
  const name = getScalar(node, "name");
  return name === undefined || sameStart(name.at, node?.at) ? undefined : name;
}

function sameStart(one: Place, other: Place | undefined): boolean {
  return one === other;
}
