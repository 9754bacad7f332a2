import xterm, { type Terminal } from "@xterm/headless";
import { coreOf, type CoreBuffer, type CoreCell } from "../../../../src/supervisor/terminal/xterm-core.ts";

/** A terminal as a viewer has it. */
export function viewerTerminal(columns: number, rows: number, scrollback = 1000): Terminal {
  return new xterm.Terminal({ cols: columns, rows, scrollback, allowProposedApi: true, logLevel: "off" });
}

/** Takes the bytes in at once. */
export function take(terminal: Terminal, bytes: Uint8Array | string): void {
  coreOf(terminal).writeSync(bytes);
}

/** Colour and flags without what xterm leaves there of colours before. */
function colour(packed: number): number {
  const flags = packed & ~0x13ff_ffff;
  const mode = packed & 0x300_0000;
  const value = mode === 0 ? 0 : mode === 0x300_0000 ? packed & 0xff_ffff : packed & 0xff;
  return (flags | mode | value) >>> 0;
}

/** The same, with the flag of an underline. */
function foreground(packed: number): number {
  return (colour(packed) | (packed & 0x1000_0000)) >>> 0;
}

function isPlain(cell: CoreCell, link: string | undefined): boolean {
  return cell.getUnderlineStyle() === 0 && cell.extended.underlineColor === 0 && link === undefined;
}

function linesOf(terminal: Terminal, buffer: CoreBuffer): string[] {
  const core = coreOf(terminal);
  const cell = terminal.buffer.active.getNullCell() as unknown as CoreCell;
  const lines: string[] = [];
  for (let row = 0; row < buffer.lines.length; row += 1) {
    const line = buffer.lines.get(row);
    if (line === undefined) break;
    // What the first line goes on from is gone.
    let text = line.isWrapped && row > 0 ? "~" : "|";
    let plain = "";
    for (let column = 0; column < terminal.cols; column += 1) {
      line.loadCell(column, cell);
      if (cell.getChars() === "") {
        plain += cell.getWidth() === 0 ? "" : "·";
        if ((colour(cell.bg) & 0x3ffffff) !== 0) plain += `[${(colour(cell.bg) & 0x3ffffff).toString(16)}]`;
        continue;
      }
      plain += cell.getChars();
      const extended = (cell.bg & 0x10000000) !== 0;
      const link = extended ? core._oscLinkService.getLinkData(cell.extended.urlId)?.uri : undefined;
      // xterm forgets where a link goes when the line that it began in is scrolled away.
      const style =
        extended && !isPlain(cell, link) ? `${cell.getUnderlineStyle()}/${cell.extended.underlineColor}/${link ?? ""}` : "";
      const look = `{${foreground(cell.fg).toString(16)},${colour(cell.bg).toString(16)},${style}}`;
      if (look !== "{0,0,}") plain += look;
    }
    text += plain;
    lines.push(text);
  }
  return lines;
}

function cursorsOf(terminal: Terminal, buffer: CoreBuffer): unknown {
  const { x, y, ybase, scrollTop, scrollBottom, savedX, savedY, savedCurAttrData, savedCharset, tabs } = buffer;
  return {
    cursor: [x, y],
    margins: [scrollTop, scrollBottom],
    // What restoring it comes to.
    saved: [Math.min(savedX, terminal.cols - 1), Math.min(Math.max(savedY - ybase, 0), terminal.rows - 1)],
    savedColours: [foreground(savedCurAttrData.fg), colour(savedCurAttrData.bg), savedCharset?.["q"]],
    tabs: Array.from({ length: terminal.cols }, (_, column) => (tabs[column] === true ? column : -1)).filter((at) => at >= 0),
  };
}

/** Everything of a terminal that can be seen now or will matter later, to be compared. */
export function stateOf(terminal: Terminal): unknown {
  const core = coreOf(terminal);
  const { active, normal, alt } = core.buffers;
  const isAlternate = active === alt;
  const attributes = core._inputHandler._curAttrData;
  const now = cursorsOf(terminal, active);
  const { saved, savedColours, margins } = cursorsOf(terminal, normal) as Record<string, unknown>;
  return {
    size: [terminal.cols, terminal.rows],
    isAlternate,
    screen: linesOf(terminal, active),
    ...(isAlternate ? { behind: linesOf(terminal, normal), behindCursor: { saved, savedColours, margins } } : {}),
    now,
    attributes: [foreground(attributes.fg), colour(attributes.bg), attributes.getUnderlineStyle()],
    modes: { ...core.coreService.modes, ...core.coreService.decPrivateModes },
    hidden: core.coreService.isCursorHidden,
    mouse: [core.coreMouseService.activeProtocol, core.coreMouseService.activeEncoding],
    charset: [core._charsetService.charset?.["q"], core._charsetService.glevel],
    convertEol: terminal.options.convertEol,
    parser: core._inputHandler._parser.currentState,
  };
}
