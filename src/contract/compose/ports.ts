import { isIP } from "node:net";
import { get, record, scalar } from "./build.ts";
import type { MapNode, ScalarNode } from "./node.ts";
import { refuse } from "./problem.ts";
import { part, partPlaces } from "./text.ts";

interface ShortPort {
  /** With the brackets of an IPv6 address. */
  readonly rawHost: string;
  readonly published: string;
  readonly target: string;
  readonly protocol: string;
}

const PROTOCOLS: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);
/** A range as wide as all ports is 65,535 mappings: Compose makes them all, and so are they here. */
const HIGHEST = 65_535;

/** Mappings of one project. A range of all ports in every service of a large file would be the end of the process. */
const MOST_PORTS = 200_000;

/** Refuses a document whose ranges of ports are more mappings than can be held. */
export function refuseTooManyPorts(root: MapNode): void {
  const services = get(root, "services");
  let count = 0;
  for (const { value: service } of services?.kind === "map" ? services.entries.values() : []) {
    const ports = get(service, "ports");
    for (const port of ports?.kind === "list" ? ports.items : []) {
      const [, first, last] = port.kind === "scalar" ? (/(\d+)-(\d+)(?:\/\w*)?$/.exec(String(port.value)) ?? []) : [];
      count += first === undefined ? 1 : Math.min(HIGHEST, Math.max(1, Number(last) - Number(first) + 1));
      if (count > MOST_PORTS) {
        refuse("too-many-ports", port.at, `the services publish more than ${MOST_PORTS} ports`, "publish smaller ranges");
      }
    }
  }
}

/** The long forms of a short port: one for each port of a range. Refuses what Compose refuses. */
export function longPorts(node: ScalarNode, text: string): MapNode[] {
  const { rawHost, published, target, protocol } = splitPort(node, text);
  const host = rawHost.startsWith("[") && rawHost.endsWith("]") ? rawHost.slice(1, -1) : rawHost;
  if (target === "") bad(node, text, "no port of the container");
  if (host.includes(":") && !rawHost.startsWith("[")) bad(node, text, "an IPv6 address without brackets");
  if (host !== "" && isIP(host.replace(/%.*$/, "")) === 0) bad(node, text, `the address ${host}`);
  if (!PROTOCOLS.has(protocol.toLowerCase())) bad(node, text, `the protocol ${protocol}`);
  const targets = range(node, text, target);
  const outside = published === "" ? undefined : range(node, text, published);
  const many = targets.end > targets.start;
  if (outside !== undefined && outside.end - outside.start !== targets.end - targets.start && many) {
    bad(node, text, "ranges of different length");
  }
  const places = partPlaces(node, written(text));
  const at = { target: places.at(-1) ?? node.at, published: places.at(-2) ?? node.at, host: places[0] ?? node.at };
  const made: MapNode[] = [];
  for (let offset = 0; offset <= targets.end - targets.start; offset += 1) {
    // A wide range for one port of the container is left to the engine, which takes a free one of it.
    const one =
      outside === undefined
        ? ""
        : !many && outside.end > outside.start
          ? `${outside.start}-${outside.end}`
          : String(outside.start + offset);
    made.push(
      record(
        {
          mode: scalar("ingress", node.at),
          host_ip: host === "" ? undefined : part(node, host, at.host),
          target: part(node, targets.start + offset, at.target),
          published: one === "" ? undefined : part(node, one, at.published),
          protocol: scalar(protocol.toLowerCase(), node.at),
        },
        node.at,
      ),
    );
  }
  return made.sort((first, second) => (sortKey(first) < sortKey(second) ? -1 : 1));
}

function sortKey(port: MapNode): string {
  const value = port.entries.get("target")?.value;
  return `${value?.kind === "scalar" ? String(value.value) : ""}/`;
}

function splitPort(node: ScalarNode, text: string): ShortPort {
  const slash = text.indexOf("/");
  const protocol = slash < 0 ? "tcp" : text.slice(slash + 1) || "tcp";
  const rest = slash < 0 ? text : text.slice(0, slash);
  if (slash === 0) bad(node, text, "no port of the container");
  const parts = written(rest);
  const target = parts.at(-1) ?? "";
  const published = parts.at(-2) ?? "";
  return { rawHost: parts.slice(0, -2).join(":"), published, target, protocol };
}

/** The parts between colons; an IPv6 address keeps its own. */
function written(text: string): string[] {
  const parts = text.split(":");
  return parts.length <= 3 ? parts : [parts.slice(0, -2).join(":"), parts.at(-2) ?? "", parts.at(-1) ?? ""];
}

function range(node: ScalarNode, text: string, ports: string): { readonly start: number; readonly end: number } {
  const match = /^(\d+)(?:-(\d+))?$/.exec(ports);
  const start = Number(match?.[1]);
  const end = match?.[2] === undefined ? start : Number(match[2]);
  if (match === null || start > HIGHEST || end > HIGHEST || end < start) bad(node, text, `the port ${ports}`);
  return { start, end };
}

function bad(node: ScalarNode, text: string, what: string): never {
  refuse(
    "port",
    node.at,
    `the port ${JSON.stringify(text)} has ${what}, which Compose does not take`,
    "write [ADDRESS:][HOST:]CONTAINER[/PROTOCOL]",
  );
}
