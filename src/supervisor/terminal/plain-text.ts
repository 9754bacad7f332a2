const LF = 10;
const CR = 13;

/** Bytes that do nothing but write text, move within the line and start another one: no control but BEL, BS, TAB, LF, VT, FF and CR. */
const plain = new Uint8Array(256).fill(1);
plain.fill(0, 0, 7);
plain.fill(0, 14, 32);
plain[127] = 0;
// What is controls too when they come as UTF-8: C2 80 to C2 9F.
plain[0xc2] = 0;

/** Where plain text ends in `bytes`: at the first escape or other control, also one of those that UTF-8 writes as C2 80 to C2 9F. */
export function endOfPlainText(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let at = 0; ; at += 2) {
    while (at < length && plain[bytes[at] ?? 0] === 1) at += 1;
    // At the very end it is not known yet what comes of it.
    if (at >= length || bytes[at] !== 0xc2 || (bytes[at + 1] ?? 0) < 0xa0) return Math.min(at, length);
  }
}

/**
 * In plain text: the last start of a line with at least `rows` lines of a terminal of `columns` after it; -1 if there is none. What comes before
 * it has gone from a screen and a scrollback that have fewer lines together.
 */
export function lastLines(bytes: Uint8Array, rows: number, columns: number): number {
  let found = 0;
  let text = 0;
  let isOneWay = true;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const byte = bytes[at] ?? 0;
    if (byte === LF) {
      // Text that never goes back to the left takes a line more each time that it is full; other than ASCII may have no width.
      if (isOneWay && text > 0) found += Math.floor((text - 1) / columns);
      if (found >= rows && bytes[at - 1] === CR) return at + 1;
      found += 1;
      text = 0;
      isOneWay = true;
      if (bytes[at - 1] === CR) at -= 1;
    } else if (byte === CR || byte === 8) isOneWay = false;
    else if (byte >= 32 && byte < 127) text += 1;
  }
  return -1;
}
