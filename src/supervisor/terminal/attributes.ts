import type { AttributeData, XtermCore } from "./xterm-core.ts";

const COLOR_MODE = 0x300_0000;
const PALETTE_16 = 0x100_0000;
const PALETTE_256 = 0x200_0000;
const COLOR = 0x3ff_ffff;
const UNDERLINE = 0x1000_0000;
const HAS_EXTENDED = 0x1000_0000;

/** Writes the sequences that change what the next character looks like. */
export class Attributes {
  readonly #links: XtermCore["_oscLinkService"];
  #fg = 0;
  #bg = 0;
  #extended = "";
  #link = 0;

  constructor(links: XtermCore["_oscLinkService"]) {
    this.#links = links;
  }

  /** From what was last asked for to these. */
  change(to: AttributeData): string {
    const isExtended = (to.bg & HAS_EXTENDED) !== 0;
    const extended = isExtended ? `${to.extended.underlineStyle} ${to.extended.underlineColor}` : "";
    const link = isExtended ? to.extended.urlId : 0;
    if (to.fg === this.#fg && to.bg === this.#bg && extended === this.#extended && link === this.#link) return "";
    let sequence = `\x1b[${styleOf(to)}m`;
    // The style's reset has taken it away.
    if (to.isProtected() !== 0) sequence += '\x1b[1"q';
    if (link !== this.#link) {
      const data = link === 0 ? undefined : this.#links.getLinkData(link);
      sequence += `\x1b]8;${data?.id === undefined ? "" : `id=${data.id}`};${data?.uri ?? ""}\x1b\\`;
    }
    this.#fg = to.fg;
    this.#bg = to.bg;
    this.#extended = extended;
    this.#link = link;
    return sequence;
  }

  /** To the background that an empty cell has. */
  background(bg: number): string {
    this.#fg = -1;
    return `\x1b[0${colour(bg & COLOR, 40)}m`;
  }

  /** To those after a reset. */
  plain(): string {
    const sequence = `\x1b[0m${this.#link === 0 ? "" : "\x1b]8;;\x1b\\"}`;
    this.#fg = 0;
    this.#bg = 0;
    this.#extended = "";
    this.#link = 0;
    return sequence;
  }
}

/** What of an empty cell's attributes is seen. */
export function backgroundOf(cell: AttributeData): number {
  return cell.bg & COLOR;
}

function styleOf(to: AttributeData): string {
  let style = "0";
  if (to.isBold() !== 0) style += ";1";
  if (to.isDim() !== 0) style += ";2";
  if (to.isItalic() !== 0) style += ";3";
  const underline = to.getUnderlineStyle();
  if (underline > 1) style += `;4:${underline}`;
  else if ((to.fg & UNDERLINE) !== 0) style += ";4";
  if (to.isBlink() !== 0) style += ";5";
  if (to.isInverse() !== 0) style += ";7";
  if (to.isInvisible() !== 0) style += ";8";
  if (to.isStrikethrough() !== 0) style += ";9";
  if (to.isOverline() !== 0) style += ";53";
  style += colour(to.fg & COLOR, 30) + colour(to.bg & COLOR, 40);
  if ((to.bg & HAS_EXTENDED) !== 0) {
    const { underlineColor } = to.extended;
    const mode = underlineColor & COLOR_MODE;
    if (mode === PALETTE_16 || mode === PALETTE_256) style += `;58:5:${underlineColor & 0xff}`;
    else if (mode === COLOR_MODE)
      style += `;58:2::${(underlineColor >> 16) & 255}:${(underlineColor >> 8) & 255}:${underlineColor & 255}`;
  }
  return style;
}

function colour(packed: number, base: 30 | 40): string {
  switch (packed & COLOR_MODE) {
    case PALETTE_16: {
      const index = packed & 15;
      return `;${index < 8 ? base + index : base + 52 + index}`;
    }
    case PALETTE_256:
      return `;${base + 8};5;${packed & 255}`;
    case COLOR_MODE:
      return `;${base + 8};2;${(packed >> 16) & 255};${(packed >> 8) & 255};${packed & 255}`;
    default:
      return "";
  }
}
