/** How many bytes a character takes that begins with `byte`; 1 for what cannot begin one. */
function width(byte: number): number {
  if (byte >= 0xf0 && byte <= 0xf4) return 4;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  return 1;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** `bytes` without the character at their end that a cut left unfinished. Invalid bytes elsewhere stay. */
export function withoutCutEnd(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    return width(byte) > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** `bytes` without what a cut left at their beginning of a character that began before it. */
export function withoutCutBeginning(bytes: Buffer): Buffer {
  let from = 0;
  while (from < 3 && from < bytes.length && isContinuation(bytes[from] ?? 0)) from += 1;
  return bytes.subarray(from);
}

/** The first `limit` bytes as text, cut at a character boundary; invalid bytes become replacement characters. */
export function firstText(bytes: Buffer, limit: number): string {
  return (bytes.length > limit ? withoutCutEnd(bytes.subarray(0, limit)) : bytes).toString("utf8");
}
