const SIZE = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?b?|b)?$/i;
const UNITS = " kmgtp";

/** `1.5g` in bytes, with units of 1024; undefined for what Compose does not take for a size. */
export function bytesOf(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  return Math.trunc(Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? " ").toLowerCase()));
}
