import { get, getScalar } from "./build.ts";
import { bytesOf } from "./bytes.ts";
import { commandWords } from "./command-words.ts";
import type { MapNode, Node } from "./node.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import { refuse } from "./problem.ts";
import { isText, printed } from "./text.ts";

type Check = (node: Node, path: string) => void;

/** Texts that the schema lets through and Compose reads further: sizes, times, hosts. */
const CHECKS: Patterns<Check> = patterns<Check>({
  ...Object.fromEntries(
    ["mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "shm_size", "build.shm_size", "volumes.*.tmpfs.size"].map(
      (key) => [`services.*.${key}`, size],
    ),
  ),
  "services.*.deploy.resources.limits.memory": size,
  "services.*.deploy.resources.reservations.memory": size,
  ...Object.fromEntries(
    [
      "stop_grace_period",
      "healthcheck.interval",
      "healthcheck.timeout",
      "healthcheck.start_period",
      "healthcheck.start_interval",
    ].map((key) => [`services.*.${key}`, time]),
  ),
  "services.*.command": command,
  "services.*.entrypoint": command,
  "services.*.extra_hosts": hosts,
  "services.*.build.extra_hosts": hosts,
  "services.*.deploy.resources.reservations.devices.*": devices,
  "services.*.gpus.*": devices,
  "services.*.develop.watch.*.path": (node, path) => {
    if (isText(node) && node.value === "") bad(node, path, "cannot be empty");
  },
  "volumes.*": external,
  "secrets.*": (node, path) => oneOf(node, path, ["file", "environment"]),
  "configs.*": (node, path) => oneOf(node, path, ["file", "environment", "content"]),
});

/** Refuses values that Compose cannot read, and attributes that exclude each other. */
export function checkValues(root: MapNode): void {
  visit(root, CHECKS, "");
}

function visit(node: Node, at: Patterns<Check> | undefined, path: string): void {
  if (at === undefined) return;
  at.rule?.(node, path);
  if (node.kind === "map")
    for (const [key, entry] of node.entries) visit(entry.value, below(at, key), path === "" ? key : `${path}.${key}`);
  if (node.kind === "list") for (const item of node.items) visit(item, below(at, "*"), path);
}

function bad(node: Node, path: string, what: string): never {
  refuse("value", node.at, `${path} ${what}`, "write it as the Compose specification has it");
}

const TIME = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

function size(node: Node, path: string): void {
  if (isText(node) && node.value !== "-1" && bytesOf(node.value) === undefined)
    bad(node, path, `is no size: ${JSON.stringify(node.value)}`);
}

function command(node: Node, path: string): void {
  if (isText(node) && commandWords(node.value) === undefined) bad(node, path, "has a quote or bracket that does not close");
}

function time(node: Node, path: string): void {
  const text = node.kind === "scalar" ? printed(node) : undefined;
  if (text !== undefined && !TIME.test(text)) bad(node, path, `is no length of time: ${JSON.stringify(text)}`);
}

function hosts(node: Node, path: string): void {
  if (node.kind === "list") {
    for (const item of node.items) {
      if (!isText(item)) continue;
      const cut = item.value.includes("=") ? item.value.indexOf("=") : item.value.indexOf(":");
      if (cut < 0) bad(item, path, `has a host without an address: ${JSON.stringify(item.value)}`);
      if (!isHost(item.value.slice(0, cut))) bad(item, path, `has a bad host name: ${JSON.stringify(item.value)}`);
    }
  }
  if (node.kind === "map") {
    for (const host of node.entries.keys()) if (!isHost(host)) bad(node, path, `has a bad host name: ${JSON.stringify(host)}`);
  }
}

function isHost(name: string): boolean {
  return name !== "" && !/[:=]/.test(name);
}

function devices(node: Node, path: string): void {
  const count = getScalar(node, "count");
  if (count !== undefined && get(node, "device_ids") !== undefined) bad(count, path, "has both `count` and `device_ids`");
  if (isText(count) && count.value.toLowerCase() !== "all" && !/^[-+]?\d+$/.test(count.value))
    bad(count, `${path}.count`, "is `all` or a number");
}

function external(node: Node, path: string): void {
  if (getScalar(node, "external")?.value !== true || node.kind !== "map") return;
  for (const [key, entry] of node.entries) {
    if (key === "name" || key === "external" || key.startsWith("x-")) continue;
    refuse("value", entry.key, `${path} is external, and cannot have \`${key}\``, "take one of the two out");
  }
}

function oneOf(node: Node, path: string, keys: readonly string[]): void {
  if (node.kind !== "map") return bad(node, path, "must be a mapping");
  const there = keys.filter((key) => node.entries.has(key));
  if (there.length > 1) bad(node, path, `has ${there.map((key) => `\`${key}\``).join(" and ")}, which exclude each other`);
  if (there.length === 0 && !node.entries.has("driver") && !node.entries.has("external")) {
    bad(node, path, `needs one of ${keys.map((key) => `\`${key}\``).join(", ")}`);
  }
}
