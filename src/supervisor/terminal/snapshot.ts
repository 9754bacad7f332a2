import type { Terminal } from "@xterm/headless";
import { Attributes } from "./attributes.ts";
import { BufferDrawing } from "./draw-buffer.ts";
import { type Charset, type CoreBuffer, coreOf, type XtermCore } from "./xterm-core.ts";

const cursorStyles = { block: 1, underline: 3, bar: 5 } as const;
const mouseProtocols: Readonly<Record<string, number>> = { X10: 9, VT200: 1000, DRAG: 1002, ANY: 1003 };
const mouseEncodings: Readonly<Record<string, number>> = { SGR: 1006, SGR_PIXELS: 1016 };

/**
 * What makes a terminal that was reset, and has the same size, the same as this one: scrollback, both screens, cursors, also saved ones, margins, tab
 * stops, character sets, title and modes. Written anew and not by xterm's addon, which leaves out most of what is not a character, and some of
 * what is (underlines of a style, links).
 */
export function snapshot(terminal: Terminal, title: string): string {
  const core = coreOf(terminal);
  const { normal, alt, active } = core.buffers;
  const attributes = new Attributes(core._oscLinkService);
  let text = new BufferDrawing(terminal, normal, attributes).draw();
  if (active === alt) {
    text += margins(normal, terminal.rows) + saved(normal, attributes);
    text += `${attributes.plain()}\x1b[?1047h\x1b[H${new BufferDrawing(terminal, alt, attributes).draw()}`;
  }
  text += tabStops(active, terminal.cols);
  text += margins(active, terminal.rows);
  text += saved(active, attributes);
  if (title !== "") text += `\x1b]2;${title}\x1b\\`;
  return text + cursor(terminal, core, attributes) + modes(core, terminal);
}

function margins(buffer: CoreBuffer, rows: number): string {
  if (buffer.scrollTop === 0 && buffer.scrollBottom === rows - 1) return "";
  return `\x1b[${buffer.scrollTop + 1};${buffer.scrollBottom + 1}r`;
}

function saved(buffer: CoreBuffer, attributes: Attributes): string {
  const row = Math.max(buffer.savedY - buffer.ybase, 0) + 1;
  const save = `\x1b[${row};${buffer.savedX + 1}H${attributes.change(buffer.savedCurAttrData)}`;
  if (!isLineDrawing(buffer.savedCharset)) return `${save}\x1b7`;
  return `${save}\x1b(0\x1b7\x1b(B`;
}

function tabStops(buffer: CoreBuffer, columns: number): string {
  const stops: number[] = [];
  let isUsual = true;
  for (let column = 0; column < columns; column += 1) {
    const isStop = buffer.tabs[column] === true;
    if (isStop) stops.push(column);
    if (isStop !== (column % 8 === 0)) isUsual = false;
  }
  if (isUsual) return "";
  return `\x1b[3g${stops.map((column) => `\x1b[${column + 1}G\x1bH`).join("")}`;
}

function cursor(terminal: Terminal, core: XtermCore, attributes: Attributes): string {
  const { active } = core.buffers;
  const { decPrivateModes } = core.coreService;
  // Sets the cursor to the top, and counts its rows from there.
  let text = decPrivateModes.origin ? "\x1b[?6h" : "";
  const row = active.y + 1 - (decPrivateModes.origin ? active.scrollTop : 0);
  const line = active.lines.get(active.ybase + active.y);
  if (active.x < terminal.cols || line === undefined) text += `\x1b[${row};${active.x + 1}H`;
  else text += new BufferDrawing(terminal, active, attributes).redrawLast(line, row);
  return text + attributes.change(core._inputHandler._curAttrData);
}

function modes(core: XtermCore, terminal: Terminal): string {
  const { coreService, coreMouseService, _charsetService } = core;
  const dec = coreService.decPrivateModes;
  let text = "";
  const { charset, glevel, _charsets } = _charsetService;
  for (let set = 0; set < 4; set += 1) {
    // With a saved cursor xterm brings back the set in use alone, which is then not the one that stands at its level; what comes next shows the first.
    if (isLineDrawing(set === glevel ? charset : _charsets[set])) text += `\x1b${"()*+"[set]}0`;
  }
  text += ["", "\x0e", "\x1bn", "\x1bo"][glevel] ?? "";
  if (coreService.modes.insertMode) text += "\x1b[4h";
  if (terminal.options.convertEol === true) text += "\x1b[20h";
  if (dec.applicationCursorKeys) text += "\x1b[?1h";
  if (dec.applicationKeypad) text += "\x1b=";
  if (!dec.wraparound) text += "\x1b[?7l";
  if (dec.reverseWraparound) text += "\x1b[?45h";
  if (dec.sendFocus) text += "\x1b[?1004h";
  if (dec.bracketedPasteMode) text += "\x1b[?2004h";
  const protocol = mouseProtocols[coreMouseService.activeProtocol];
  if (protocol !== undefined) text += `\x1b[?${protocol}h`;
  const encoding = mouseEncodings[coreMouseService.activeEncoding];
  if (encoding !== undefined) text += `\x1b[?${encoding}h`;
  if (dec.cursorStyle !== undefined) text += `\x1b[${cursorStyles[dec.cursorStyle] + (dec.cursorBlink === true ? 0 : 1)} q`;
  if (terminal.options.cursorBlink === true) text += "\x1b[?12h";
  if (coreService.isCursorHidden) text += "\x1b[?25l";
  if (dec.synchronizedOutput) text += "\x1b[?2026h";
  return text;
}

/** The one set beside ASCII that programs use. */
function isLineDrawing(charset: Charset): boolean {
  return charset?.["q"] === "─";
}
