import { InvalidArgumentError } from "commander";
import { NovaError, quote } from "./errors.ts";
import { instanceIDPattern } from "./instance.ts";

// What the words after an option mean, in `cli-tools` and in `novabot worker` alike. Commander tells the option's name before each sentence.

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `10s`, `1.5h`, `1h30m`; a bare number counts seconds. Milliseconds. */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new InvalidArgumentError(`${quote(text)} is no duration; say 500ms, 10s, 5m, 1h30m or 2d.`);
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0));
}

/** A duration between two others, both included. */
export function parseDurationFrom(least: string, most: string): (text: string) => number {
  const [leastMs, mostMs] = [parseDuration(least), parseDuration(most)];
  return (text) => {
    const ms = parseDuration(text);
    if (ms >= leastMs && ms <= mostMs) return ms;
    throw new InvalidArgumentError(`${quote(text)} is not between ${least} and ${most}.`);
  };
}

/** A time, or how long ago: `2026-11-21T08:00:00Z`, `2026-11-21 08:00` (of the machine's zone), `10m`. Milliseconds since 1970. */
export function parseTime(text: string, nowMs: number = Date.now()): number {
  if (/^\d{4}-\d{2}/.test(text)) {
    // A day alone would be read as of UTC, and a day with a time as of the machine's zone.
    const atMs = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(" ", "T"));
    if (!Number.isNaN(atMs) && atMs >= 0) return atMs;
  } else if (/^\d+(\.\d+)?(ms|s|min|m|h|d)/.test(text)) {
    return Math.max(0, nowMs - parseDuration(text));
  }
  throw new InvalidArgumentError(`${quote(text)} is no time; say 2026-11-21T08:00:00Z, or how long ago: 10m, 2h, 1d.`);
}

/** Throws USAGE when nothing can lie between the two. */
export function checkPeriod(sinceMs: number | undefined, untilMs: number | undefined): void {
  if (sinceMs === undefined || untilMs === undefined || sinceMs <= untilMs) return;
  const [since, until] = [sinceMs, untilMs].map((atMs) => new Date(atMs).toISOString());
  throw new NovaError("USAGE", `--since is ${since}, and --until is before that: ${until}.`, {
    place: "--since, --until",
    next: "Exchange them: the earlier time goes to --since, and of 10m and 1h that is 1h.",
  });
}

export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (count >= least && count <= most) return count;
    throw new InvalidArgumentError(`${quote(text)} is no whole number from ${least} to ${most}.`);
  };
}

/** What lines have to hold. */
export function parseText(text: string): string {
  if (text.length > 0 && text.length <= 1024) return text;
  throw new InvalidArgumentError("Say a text of 1 to 1024 characters.");
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

export function parseFingerprint(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  throw new InvalidArgumentError(`${quote(text)} is no fingerprint; those are 16 hexadecimal digits.`);
}

export function parseBoot(text: string): string {
  if (/^[0-9a-f]{32}$/.test(text)) return text;
  throw new InvalidArgumentError(`${quote(text)} is no boot's id; those are 32 hexadecimal digits.`);
}

/** Only the fields that are set: the calls' schemas know left out, and not undefined. */
export function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
