import type { IdRange, Ids, Listener, MountEntry, ThreadFacts } from "../../../contract/live/kernel-facts.ts";

/** Readers of the texts in `/proc`. What the kernel writes has these forms; a text that has not is answered with undefined. */

export interface ProcessStat {
  readonly name: string;
  /** `R`, `S`, `Z`, … */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks after the machine's start: with the id it names a process for good, because ids are used again. */
  readonly startedTicks: number;
}

/** `/proc/<pid>/stat`. The name stands in brackets and may itself hold brackets and spaces, so the last one ends it. */
export function readStat(text: string): ProcessStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open === -1 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ");
  const parent = Number(fields[1]);
  const startedTicks = Number(fields[19]);
  if (!Number.isInteger(parent) || !Number.isInteger(startedTicks)) return undefined;
  return { name: text.slice(open + 1, close), state: fields[0] ?? "", parent, startedTicks };
}

/** `/proc/<pid>/task/<tid>/status`. A name with a line break in it is escaped by the kernel, so every line is the kernel's. */
export function readStatus(text: string, tid: number): ThreadFacts | undefined {
  const lines = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && !lines.has(line.slice(0, colon))) lines.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const users = readIDs(lines.get("Uid"));
  const groups = readIDs(lines.get("Gid"));
  const [inheritable, permitted, effective, bounding, ambient] = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) =>
    readMask(lines.get(`Cap${set}`)),
  );
  if (!users || !groups || inheritable === undefined || permitted === undefined) return undefined;
  if (effective === undefined || bounding === undefined) return undefined;
  const noNewPrivileges = lines.get("NoNewPrivs");
  const seccomp = lines.get("Seccomp");
  return {
    tid,
    users,
    groups,
    supplementary: (lines.get("Groups") ?? "").split(/\s+/).filter(Boolean).map(Number),
    // Kernels before 4.3 have no ambient set.
    capabilities: { inheritable, permitted, effective, bounding, ambient: ambient ?? 0n },
    noNewPrivileges: noNewPrivileges === undefined ? null : noNewPrivileges === "1",
    seccomp: seccomp === undefined ? null : Number(seccomp),
  };
}

function readIDs(text: string | undefined): Ids | undefined {
  const [real, effective, saved, fileSystem] = (text ?? "").split(/\s+/).map(Number);
  if (real === undefined || effective === undefined || saved === undefined || fileSystem === undefined) return undefined;
  return { real, effective, saved, fileSystem };
}

function readMask(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** `/proc/<pid>/uid_map` and `gid_map`. */
export function readIDMap(text: string): IdRange[] {
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([inside, outside, count]) =>
      inside === undefined || outside === undefined || count === undefined ? [] : [{ inside, outside, count }],
    );
}

/** `/proc/<pid>/mountinfo`. */
export function readMountInfo(text: string): MountEntry[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [id, parent, device, root, target, options] = before.split(" ");
    const [type, source, superOptions] = after.split(" ");
    if (id === undefined || parent === undefined || device === undefined || root === undefined) return [];
    if (target === undefined || options === undefined || type === undefined) return [];
    return [
      {
        id: Number(id),
        parent: Number(parent),
        device,
        root: unescaped(root),
        target: unescaped(target),
        readonly: isReadonly(options) || isReadonly(superOptions ?? ""),
        type,
        source: unescaped(source ?? ""),
      },
    ];
  });
}

function isReadonly(options: string): boolean {
  return options.split(",").includes("ro");
}

/** The kernel writes space, tab, line break and backslash of a path as three octal digits. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)));
}

const LISTENING = "0A";

/** The listeners in `/proc/<pid>/net/tcp` or `tcp6`. */
export function readListeners(text: string): Listener[] {
  return text.split("\n").flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    if (state !== LISTENING) return [];
    return [{ address: readAddress(address), port: Number.parseInt(port, 16) }];
  });
}

/** Words of four bytes, each in the byte order of the machine: little-endian on every one that NovaBot runs on. */
function readAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  const text = bytes.join("").toLowerCase();
  if (text.startsWith("00000000000000000000ffff"))
    return bytes
      .slice(12)
      .map((byte) => Number.parseInt(byte, 16))
      .join(".");
  const groups = (text.match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16));
  return groups.join(":").replace(/(^|:)0(:0)+(:|$)/, "::");
}

/** Paths of the unix sockets that listen, from `/proc/net/unix`. */
export function readUnixListeners(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    // Num RefCount Protocol Flags Type St Inode Path; the flag says that it listens.
    const match = /^\S+: \S+ \S+ (\S+) \S+ \S+ +\d+ (\/.*)$/.exec(line);
    return match?.[2] !== undefined && (Number.parseInt(match[1] ?? "", 16) & 0x10000) !== 0 ? [match[2]] : [];
  });
}
