import { isNull, list, mapItems, mapValues, record, scalar, withEntry } from "./build.ts";
import { dependency, named } from "./merge.ts";
import type { MapEntry, MapNode, Node } from "./node.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import { longPorts, refuseTooManyPorts } from "./ports.ts";
import { refuse } from "./problem.ts";
import { isText, printed } from "./text.ts";
import { longVolume } from "./volumes.ts";

type Canonical = (node: Node, at: Patterns<Canonical>) => Node;

const CANONICAL: Patterns<Canonical> = patterns<Canonical>({
  "services.*.build.secrets.*": fileMount,
  "services.*.build.additional_contexts": pairsMap,
  "services.*.depends_on": dependsOn,
  "services.*.env_file": envFiles,
  "services.*.label_file": textOrList,
  "services.*.gpus": gpus,
  "services.*.networks": (node) => (node.kind === "list" ? named(node, (at) => scalar(null, at)) : node),
  "services.*.volumes.*": (node) => (isText(node) ? longVolume(node, node.value) : node),
  "services.*.dns": (node) => withoutEmpty(textOrList(node)),
  "services.*.devices.*": device,
  "services.*.secrets.*": fileMount,
  "services.*.configs.*": fileMount,
  "services.*.ports": ports,
  "services.*.build": (node, at) => (isText(node) ? record({ context: node }, node.at) : inside(node, at)),
  "services.*.build.ssh": ssh,
  "volumes.*": external,
  "networks.*": external,
  "secrets.*": external,
  "configs.*": external,
});

/** Every short form in its long form. */
export function canonical(root: MapNode): MapNode {
  refuseTooManyPorts(root);
  return inside(root, CANONICAL) as MapNode;
}

function visit(node: Node, at: Patterns<Canonical> | undefined): Node {
  if (at === undefined) return node;
  return at.rule === undefined ? inside(node, at) : at.rule(node, at);
}

function inside(node: Node, at: Patterns<Canonical>): Node {
  if (node.kind === "map") return mapValues(node, (value, key) => visit(value, below(at, key)));
  if (node.kind === "list") return mapItems(node, (value) => visit(value, below(at, "*")));
  return node;
}

function textOrList(node: Node): Node {
  return isText(node) ? list([node], node.at) : node;
}

function withoutEmpty(node: Node): Node {
  if (node.kind !== "list") return node;
  return list(
    node.items.filter((item) => !isNull(item) && !(isText(item) && item.value === "")),
    node.at,
  );
}

function fileMount(node: Node): Node {
  return isText(node) ? record({ source: node }, node.at) : node;
}

function gpus(node: Node): Node {
  return isText(node) ? list([record({ count: scalar("all", node.at) }, node.at)], node.at) : node;
}

function dependsOn(node: Node): Node {
  if (node.kind === "list") return named(node, dependency);
  if (node.kind !== "map") return node;
  return mapValues(node, (value) => {
    if (value.kind !== "map")
      refuse("value", value.at, "a dependency must be a mapping", "write `condition: service_started` below it");
    let made = value;
    if (!made.entries.has("condition")) made = withEntry(made, "condition", scalar("service_started", made.at));
    return made.entries.has("required") ? made : withEntry(made, "required", scalar(true, made.at));
  });
}

function envFiles(node: Node): Node {
  if (node.kind === "list") return mapItems(node, envFile);
  return isText(node) ? list([envFile(node)], node.at) : node;
}

function envFile(node: Node): Node {
  if (isText(node)) return record({ path: node, required: scalar(true, node.at) }, node.at);
  if (node.kind !== "map" || node.entries.has("required")) return node;
  return withEntry(node, "required", scalar(true, node.at));
}

function ports(node: Node): Node {
  if (node.kind !== "list") return node;
  const made: Node[] = [];
  for (const item of node.items) {
    const text = item.kind === "scalar" ? printed(item) : undefined;
    if (item.kind === "scalar" && text !== undefined) made.push(...longPorts(item, text));
    else made.push(item);
  }
  return list(made, node.at);
}

function device(node: Node): Node {
  if (!isText(node)) return node;
  const parts = node.value.split(":");
  const [source = "", target = "", permissions = "rwm"] = parts;
  if (parts.length > 3)
    refuse("value", node.at, `the device ${JSON.stringify(node.value)} has too many colons`, "write SOURCE:TARGET:PERMISSIONS");
  const { at } = node;
  return record(
    { source: scalar(source, at), target: scalar(target === "" ? source : target, at), permissions: scalar(permissions, at) },
    at,
  );
}

/** A list of `key=value` as a mapping. */
function pairsMap(node: Node): Node {
  if (node.kind !== "list") return node;
  const entries = new Map<string, MapEntry>();
  for (const item of node.items) {
    const text = isText(item) ? item.value : "";
    const cut = text.indexOf("=");
    if (cut < 0) refuse("value", item.at, `${JSON.stringify(text)} must be KEY=VALUE`, "write KEY=VALUE");
    entries.set(text.slice(0, cut), { key: item.at, value: scalar(text.slice(cut + 1), item.at) });
  }
  return { kind: "map", entries, at: node.at };
}

function ssh(node: Node): Node {
  if (node.kind !== "list") return node;
  const entries = new Map<string, MapEntry>();
  for (const item of node.items) {
    const text = isText(item) ? item.value : "";
    const cut = text.indexOf("=");
    if (cut < 0 && text !== "default")
      refuse("value", item.at, `${JSON.stringify(text)} is no SSH key`, "write `default` or ID=PATH");
    entries.set(cut < 0 ? text : text.slice(0, cut), {
      key: item.at,
      value: scalar(cut < 0 ? null : text.slice(cut + 1), item.at),
    });
  }
  return { kind: "map", entries, at: node.at };
}

/** `external: {name: …}` of old files. */
function external(node: Node): Node {
  if (node.kind !== "map") return node;
  const written = node.entries.get("external")?.value;
  if (written?.kind !== "map") return node;
  const made = withEntry(node, "external", scalar(true, written.at));
  const name = written.entries.get("name")?.value;
  if (name === undefined || isNull(name)) return made;
  const own = node.entries.get("name")?.value;
  if (own?.kind === "scalar" && name.kind === "scalar" && own.value !== name.value) {
    refuse("value", name.at, "`name` and `external.name` differ", "keep `name` alone");
  }
  return own === undefined ? withEntry(made, "name", name) : made;
}
