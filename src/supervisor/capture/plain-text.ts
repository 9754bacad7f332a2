/** A line that has none of these is its own text. */
const notPlain = /[\0-\x08\x0a-\x1f\x7f-\x9f]/;

/** One look at the text says whether there is anything to take out. */
export function isPlain(text: string): boolean {
  return !notPlain.test(text);
}

const BELL = 0x07;
const TAB = 0x09;
const RETURN = 0x0d;
const CANCEL = 0x18;
const SUBSTITUTE = 0x1a;
const ESCAPE = 0x1b;
const DELETE = 0x7f;
const STRING_END = 0x9c;

/**
 * A line as somebody reads it: without escape sequences (those of ESC and their one-character kin from U+0080 to U+009F) and other control
 * characters. A tab stays; a carriage return amid the line, after which a terminal writes over what was there, becomes a space. A sequence that
 * the line's end cuts goes as far as it is there. Takes time in proportion to the text, whatever is in it.
 */
export function stripControls(text: string): string {
  let plain = "";
  let from = 0;
  let at = 0;
  const length = text.length;
  let ends: StringEnds | undefined;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code === TAB || (code >= 0x20 && code !== DELETE && (code < 0x80 || code > 0x9f))) {
      at += 1;
      continue;
    }
    plain += text.slice(from, at);
    if (code === ESCAPE) at = afterEscape(text, at + 1);
    else if (code === 0x9b) at = afterControlSequence(text, at + 1);
    else if (isStringStart(code - 0x40)) at = (ends ??= new StringEnds(text)).after(at + 1) ?? at + 1;
    else {
      if (code === RETURN && at + 1 < length && plain !== "" && text.charCodeAt(at - 1) !== RETURN) plain += " ";
      at += 1;
    }
    from = at;
  }
  return plain + text.slice(from);
}

/** The next end of a control string, looked for once however many strings begin before it. */
class StringEnds {
  readonly #text: string;
  #end: number | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined when none comes. A lone byte of this kind is often no control character but text of another encoding, which must not vanish. */
  after(at: number): number | undefined {
    if (this.#end === undefined || this.#end < at) {
      const end = afterString(this.#text, at);
      this.#end = end.isWhole ? end.at : Number.POSITIVE_INFINITY;
    }
    return Number.isFinite(this.#end) ? this.#end : undefined;
  }
}

/** Device control, start of string, operating system command, privacy message, application program command. */
function isStringStart(final: number): boolean {
  return final === 0x50 || final === 0x58 || final === 0x5d || final === 0x5e || final === 0x5f;
}

function afterEscape(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x5b) return afterControlSequence(text, at + 1);
  if (isStringStart(code)) return afterString(text, at + 1).at;
  // Intermediate characters, then the final one.
  while (at < text.length && isBetween(text.charCodeAt(at), 0x20, 0x2f)) at += 1;
  return isBetween(text.charCodeAt(at), 0x30, 0x7e) ? at + 1 : at;
}

/** Parameters, intermediates and the final character; what does not belong in one ends it and stays. */
function afterControlSequence(text: string, at: number): number {
  while (isBetween(text.charCodeAt(at), 0x20, 0x3f)) at += 1;
  return isBetween(text.charCodeAt(at), 0x40, 0x7e) ? at + 1 : at;
}

function afterString(text: string, at: number): { readonly at: number; readonly isWhole: boolean } {
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BELL || code === STRING_END) return { at: at + 1, isWhole: true };
    // Another escape sequence ends the string, whether it is the string terminator or not.
    if (code === ESCAPE) return text.charCodeAt(at + 1) === 0x5c ? { at: at + 2, isWhole: true } : { at, isWhole: true };
    if (code === CANCEL || code === SUBSTITUTE) return { at: at + 1, isWhole: true };
  }
  return { at, isWhole: false };
}

function isBetween(code: number, low: number, high: number): boolean {
  return code >= low && code <= high;
}
