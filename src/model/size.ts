import { NovaError, quote } from "./errors.ts";

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes of a size as engines write them: a number of bytes, or `512m`, `2g`, `1.5GiB` (powers of 1024). */
export function parseSize(value: string | number, place: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(String(value).trim());
  const bytes = match ? Math.round(Number(match[1]) * (units[(match[2] ?? "").toLowerCase()] ?? Number.NaN)) : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new NovaError("GROUP_INVALID", `The size ${quote(value)} is not valid.`, {
      place,
      next: 'Write bytes or a number with a unit, for example 536870912, "512m" or "2g".',
    });
  }
  return bytes;
}

/** `bytes` for people: `512 MiB`, `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const names = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < names.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${names[unit]}`;
}
