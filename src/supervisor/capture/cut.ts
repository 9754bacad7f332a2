/** No escape sequence is looked for further back than this. */
const LOOK_BACK = 64;
const ESCAPE = 0x1b;
const unfinished = /^\x1b(?:\[[ -?]*|[ -/]*|[\]PX^_][^\x07\x9c]*)$/;

/** Where a line that is longer than one record is cut: at `limit` or a little before, so that neither a UTF-8 character nor an escape sequence is. */
export function cutBefore(bytes: Buffer, from: number, limit: number): number {
  const at = beforeCharacter(bytes, limit);
  const escape = bytes.lastIndexOf(ESCAPE, at - 1);
  if (escape > from && escape >= at - LOOK_BACK && unfinished.test(bytes.toString("latin1", escape, at))) return escape;
  return at > from ? at : limit;
}

/** The beginning of the character that `at` stands in, or `at` where it stands in none. */
function beforeCharacter(bytes: Buffer, at: number): number {
  for (let back = 0; back <= 3; back += 1) {
    const byte = bytes[at - back] ?? 0;
    if (byte < 0x80) return at;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? at - back : at;
  }
  return at;
}
