import { posix } from "node:path";
import { record, scalar } from "./build.ts";
import type { MapNode, Node, ScalarNode } from "./node.ts";
import { refuse } from "./problem.ts";
import { part, partPlaces } from "./text.ts";

const PROPAGATION: ReadonlySet<string> = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);

export interface ShortVolume {
  readonly source: string | undefined;
  readonly target: string;
  readonly options: string | undefined;
}

/** The parts of `source:target:options`; undefined parts were not written. Refuses what Compose refuses. */
export function splitVolume(node: ScalarNode, text: string): ShortVolume {
  if (text === "") refuse("volume", node.at, "a volume cannot be empty", "write SOURCE:TARGET");
  if (text.length <= 2) return { source: undefined, target: text, options: undefined };
  const parts = partsOf(text);
  if (parts.some((one) => one === "")) {
    refuse("volume", node.at, `the volume ${JSON.stringify(text)} has nothing between two colons`, "write SOURCE:TARGET[:MODE]");
  }
  if (parts.length > 3)
    refuse("volume", node.at, `the volume ${JSON.stringify(text)} has too many colons`, "write SOURCE:TARGET[:MODE]");
  const [first = "", second, third] = parts;
  if (second === undefined) return { source: undefined, target: first, options: undefined };
  return { source: first, target: second, options: third };
}

/** A colon behind a single letter is a Windows drive's. */
function partsOf(text: string): string[] {
  const parts = [""];
  for (const character of text) {
    const current = parts.at(-1) ?? "";
    if (character === ":" && !/^\p{L}$/u.test(current)) parts.push("");
    else parts[parts.length - 1] = current + character;
  }
  return parts;
}

/** The long form of a short volume. An option that Compose does not know, such as `RO`, is ignored by it, and so here. */
export function longVolume(node: ScalarNode, text: string): MapNode {
  const { source, target, options } = splitVolume(node, text);
  const [first = node.at, second = node.at, third = node.at] = partPlaces(
    node,
    [source, target, options].filter((one) => one !== undefined),
  );
  const bind = source !== undefined && isPath(source);
  const effect = effectOf(options, third);
  const targetPlace = source === undefined ? first : second;
  return record(
    {
      type: scalar(bind ? "bind" : "volume", node.at),
      source: source === undefined ? undefined : part(node, source, first),
      target: part(node, posix.normalize(target).replace(/(?<=.)\/$/, ""), targetPlace),
      // What decides it is the mode, also where that is a word that Compose ignores: its text is kept beside the truth.
      read_only: options === undefined ? undefined : { ...part(node, options, third), value: effect.readonly, written: options },
      bind: bind || effect.bind !== undefined ? bindOptions(node, effect.bind, bind) : undefined,
      volume: volumeOptions(node, effect.nocopy, bind || text.length <= 2),
    },
    node.at,
  );
}

function bindOptions(node: ScalarNode, written: Readonly<Record<string, Node>> | undefined, bind: boolean): MapNode {
  return record({ ...written, create_host_path: bind ? scalar(true, node.at) : undefined }, node.at);
}

function volumeOptions(node: ScalarNode, nocopy: Node | undefined, without: boolean): MapNode | undefined {
  if (nocopy !== undefined) return record({ nocopy }, node.at);
  return without ? undefined : record({}, node.at);
}

interface Effect {
  readonly readonly: boolean;
  readonly nocopy: Node | undefined;
  readonly bind: Readonly<Record<string, Node>> | undefined;
}

function effectOf(options: string | undefined, at: Node["at"]): Effect {
  let readonly = false;
  let nocopy: Node | undefined;
  let bind: Record<string, Node> | undefined;
  for (const option of options?.split(",") ?? []) {
    if (option === "ro") readonly = true;
    else if (option === "rw") readonly = false;
    else if (option === "nocopy") nocopy = scalar(true, at);
    else if (option === "z" || option === "Z") bind = { ...bind, selinux: scalar(option, at) };
    else if (PROPAGATION.has(option)) bind = { ...bind, propagation: scalar(option, at) };
  }
  return { readonly, nocopy, bind };
}

function isPath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith("\\\\") || /^\p{L}:/u.test(source);
}
