import { InvalidArgumentError } from "commander";
import { quote } from "../model/errors.ts";
import { instanceIDPattern } from "../model/instance.ts";
import { parseSize } from "../model/size.ts";

// What the words after an option mean: as in the containers' own `cli-tools`. Commander tells the option's name before each sentence.

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `10s`, `1h30m`; a bare number counts seconds. Milliseconds. */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new InvalidArgumentError(`${quote(text)} is no duration; say 500ms, 10s, 5m, 1h30m or 2d.`);
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0));
}

/** A time (`2026-11-21T08:00:00Z`), or how long ago (`10m`). Milliseconds since 1970. */
export function parseTime(text: string): number {
  if (/^\d{4}-\d{2}/.test(text)) {
    const atMs = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(" ", "T"));
    if (!Number.isNaN(atMs) && atMs >= 0) return atMs;
  } else if (/^\d+(\.\d+)?(ms|s|min|m|h|d)/.test(text)) {
    return Math.max(0, Date.now() - parseDuration(text));
  }
  throw new InvalidArgumentError(`${quote(text)} is no time; say 2026-11-21T08:00:00Z, or how long ago: 10m, 2h, 1d.`);
}

export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (count >= least && count <= most) return count;
    throw new InvalidArgumentError(`${quote(text)} is no whole number from ${least} to ${most}.`);
  };
}

export function parseCPUs(text: string): number {
  const cpus = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (cpus > 0) return cpus;
  throw new InvalidArgumentError(`${quote(text)} is no number of processors; say 1, 2 or 0.5.`);
}

export function parseMemory(text: string): number {
  try {
    return parseSize(text, "--memory");
  } catch {
    throw new InvalidArgumentError(`${quote(text)} is no size; say 512m or 2g.`);
  }
}

/** Names of `known`, separated by commas; may be given more than once. */
export function parseNames<Name extends string>(known: readonly Name[]): (text: string, before?: readonly Name[]) => Name[] {
  return (text, before = []) => {
    const names = [...before];
    for (const word of text.split(",")) {
      const name = known.find((one) => one === word.trim().toLowerCase());
      if (name === undefined) throw new InvalidArgumentError(`${quote(word)} is none of ${known.join(", ")}.`);
      if (!names.includes(name)) names.push(name);
    }
    return names;
  };
}

export function parseInstance(text: string): string {
  if (instanceIDPattern.test(text)) return text;
  throw new InvalidArgumentError(
    `${quote(text)} must be 1 to 64 letters, digits, hyphens and underscores, beginning with a letter or digit.`,
  );
}

/** Instance ids, separated by commas; may be given more than once. */
export function parseInstances(text: string, before: readonly string[] = []): string[] {
  return [...new Set([...before, ...text.split(",").map((word) => parseInstance(word.trim()))])];
}

/** `NAME=VALUE`; may be given more than once. */
export function parseVariable(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`${quote(text)} is no variable; say NAME=VALUE.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Only the fields that are set: the calls' schemas know left out, and not undefined. */
export function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
