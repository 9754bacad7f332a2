/**
 * Text as a terminal shows it: nothing in it moves the cursor, and its width is known. Files come from strangers, so control characters,
 * and marks that hide or reorder text, are written as escapes.
 */
export interface Cell {
  /** Printable; a tab is spaces, a control character its escape. */
  readonly text: string;
  /** Columns of the terminal that it fills. */
  readonly width: number;
  /** Where it began in the text that it came from, in UTF-16 code units. */
  readonly index: number;
}

const TAB_WIDTH = 4;
/** Marks may be heaped on one letter without an end. */
const MOST_OF_A_GRAPHEME = 32;

const unsafe = /[\0-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/;
const unsafeAll = new RegExp(unsafe, "g");
const plain = /^[ -~]*$/;
const lone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const emoji = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[0-9#*]\ufe0f\u20e3/u;
const nothing = /^(?:\p{Mn}|\p{Me}|\u200c|\u200d)+$/u;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** One line of text, cell by cell. */
export function cells(line: string): Cell[] {
  const found: Cell[] = [];
  let column = 0;
  const add = (text: string, width: number, index: number): void => {
    found.push({ text, width, index });
    column += width;
  };
  if (plain.test(line)) {
    for (let index = 0; index < line.length; index++) add(line.charAt(index), 1, index);
    return found;
  }
  for (const { segment, index } of graphemes.segment(line)) {
    if (segment === "\t") {
      const width = TAB_WIDTH - (column % TAB_WIDTH);
      add(" ".repeat(width), width, index);
    } else if (unsafe.test(segment) || !segment.isWellFormed()) {
      const text = harmless(segment);
      add(text, widthOf(text), index);
    } else add(segment.slice(0, MOST_OF_A_GRAPHEME), graphemeWidth(segment), index);
  }
  return found;
}

/** How many columns of a terminal `text` fills. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** `text` on one line, with what a terminal would obey or hide as escapes: `\x1b`, `\u202e`. */
export function harmless(text: string): string {
  if (plain.test(text)) return text;
  return text.replace(unsafeAll, escape).replace(lone, "\ufffd");
}

/** `text` with spaces up to `width` columns. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

function escape(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

function graphemeWidth(segment: string): number {
  if (plain.test(segment)) return segment.length;
  if (nothing.test(segment)) return 0;
  return wide.test(segment) || emoji.test(segment) ? 2 : 1;
}
