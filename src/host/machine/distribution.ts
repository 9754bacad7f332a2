import { readFile } from "node:fs/promises";

/** What `/etc/os-release` says of a Linux machine. */
export interface Distribution {
  readonly id: string;
  readonly name: string;
  readonly codename: string;
  /** Its own id and those that it says it is like. */
  readonly family: readonly string[];
  /** Debian, Ubuntu or a child of either: packages come by apt-get. */
  readonly isDebian: boolean;
  readonly isUbuntu: boolean;
}

/** Reads the shell-like lines of `/etc/os-release`; what is missing is empty. */
export function parseDistribution(text: string): Distribution {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/.exec(line);
    if (match?.[1]) values.set(match[1], (match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? match[4]) || "");
  }
  const id = values.get("ID") ?? "";
  const family = [id, ...(values.get("ID_LIKE") ?? "").split(" ")].filter((name) => name !== "");
  return {
    id,
    name: values.get("PRETTY_NAME") ?? id,
    codename: values.get("VERSION_CODENAME") ?? "",
    family,
    isDebian: family.includes("debian") || family.includes("ubuntu"),
    isUbuntu: family.includes("ubuntu"),
  };
}

/** The distribution of this machine; one without a name where there is no such file. */
export async function readDistribution(file = "/etc/os-release"): Promise<Distribution> {
  return parseDistribution(await readFile(file, "utf8").catch(() => ""));
}
