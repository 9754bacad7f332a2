import type { Terminal } from "@xterm/headless";
import { type Attributes, backgroundOf } from "./attributes.ts";
import type { AttributeData, CoreBuffer, CoreCell, CoreLine } from "./xterm-core.ts";

/**
 * Writes what draws a buffer's lines again on an empty screen of the same size, from its top left corner: the same characters in the same cells,
 * the same backgrounds of empty cells, and lines that go on in the next one as such.
 */
export class BufferDrawing {
  readonly #buffer: CoreBuffer;
  readonly #columns: number;
  readonly #attributes: Attributes;
  /** xterm makes none by itself. */
  readonly #cell: CoreCell;

  constructor(terminal: Terminal, buffer: CoreBuffer, attributes: Attributes) {
    this.#buffer = buffer;
    this.#columns = terminal.cols;
    this.#attributes = attributes;
    this.#cell = terminal.buffer.active.getNullCell() as unknown as CoreCell;
  }

  draw(): string {
    const { lines } = this.#buffer;
    let text = "";
    for (let row = 0; row < lines.length; row += 1) {
      const line = lines.get(row);
      if (line === undefined) break;
      if (row > 0) text += line.isWrapped ? this.#wrap(lines.get(row - 1), line) : `${this.#attributes.plain()}\r\n`;
      text += this.#line(line);
    }
    return text;
  }

  /** The last cell of a line again, after which the cursor waits at the margin. */
  redrawLast(line: CoreLine, row: number): string {
    if (this.#isOverHalf(line)) {
      const wide = this.#load(line, this.#columns - 2);
      return `\x1b[${row};${this.#columns - 1}H${this.#attributes.change(wide)}${wide.getChars()}${this.#overHalf(line)}`;
    }
    const last = this.#load(line, this.#columns - 1);
    const isHalf = last.getWidth() === 0 && last.getChars() === "" && this.#columns > 1;
    const cell = isHalf ? this.#load(line, this.#columns - 2) : last;
    const to = `\x1b[${row};${isHalf ? this.#columns - 1 : this.#columns}H`;
    if (cell.getChars() !== "") return to + this.#attributes.change(cell) + cell.getChars();
    // Nothing is there although the cursor is past it: the whole line was erased.
    return this.#end(line) === 0 ? `${to}${this.#attributes.plain()} \x1b[2K` : to;
  }

  #line(line: CoreLine): string {
    const end = this.#end(line);
    let text = "";
    for (let column = 0; column < end;) {
      const cell = this.#load(line, column);
      if (cell.getWidth() === 0) {
        // An accent without a letter; behind a sequence it joins nothing.
        if (cell.getChars() !== "") text += `\x1b[${column + 1}G${this.#attributes.change(cell)}${cell.getChars()}`;
        column += 1;
        continue;
      }
      if (cell.getChars() !== "") {
        text += this.#attributes.change(cell) + cell.getChars();
        column += cell.getWidth();
        if (column === this.#columns) text += this.#overHalf(line);
        continue;
      }
      const background = backgroundOf(cell);
      let next = column + 1;
      while (next < end && this.#isEmptyWith(line, next, background)) next += 1;
      const count = next - column;
      if (background !== 0) text += `${this.#attributes.background(background)}\x1b[${count}X`;
      if (next < this.#columns) text += `\x1b[${count}C`;
      column = next;
    }
    return text;
  }

  /** What stands on the second half of a wide character at the margin: without wrapping, xterm writes there and leaves the first half. */
  #overHalf(line: CoreLine): string {
    if (!this.#isOverHalf(line)) return "";
    const last = this.#load(line, this.#columns - 1);
    return `\x1b[?7l${this.#attributes.change(last)}${last.getChars()}\x1b[?7h`;
  }

  #isOverHalf(line: CoreLine): boolean {
    if (this.#columns < 2 || this.#load(line, this.#columns - 2).getWidth() !== 2) return false;
    const last = this.#load(line, this.#columns - 1);
    return last.getChars() !== "";
  }

  /** The column after the last cell that has something in it. */
  #end(line: CoreLine): number {
    for (let column = Math.min(line.length, this.#columns); column > 0; column -= 1) {
      const cell = this.#load(line, column - 1);
      if (cell.getChars() !== "" || cell.getWidth() === 0 || backgroundOf(cell) !== 0) return column;
    }
    return 0;
  }

  #isEmptyWith(line: CoreLine, column: number, background: number): boolean {
    const cell = this.#load(line, column);
    return cell.getChars() === "" && cell.getWidth() !== 0 && backgroundOf(cell) === background;
  }

  #load(line: CoreLine, column: number): CoreCell {
    return line.loadCell(column, this.#cell);
  }

  /** From a line to the one that it goes on in: only a character that is written past the margin makes one. */
  #wrap(before: CoreLine | undefined, line: CoreLine): string {
    const first = this.#load(line, 0);
    const width = first.getChars() === "" ? 0 : first.getWidth();
    const last = before === undefined ? undefined : this.#load(before, this.#columns - 1);
    const isFull = last !== undefined && (last.getChars() !== "" || last.getWidth() === 0);
    const background = backgroundOf(first);
    // The new line is of the background that the character has.
    if (width > 0 && isFull && background === 0) return "";
    const toMargin = `\x1b[${this.#columns}G`;
    if (width === 2 && background === 0 && last !== undefined && backgroundOf(last) === 0) return toMargin;
    // A space or two make the turn, and are taken away again.
    const plain = this.#attributes.plain();
    if (isFull) return `${plain} \r\x1b[X`;
    return `${plain}${toMargin}  \x1b[A${toMargin}${this.#eraseOne(last)}\x1b[B\r${this.#attributes.plain()}\x1b[X`;
  }

  #eraseOne(cell: AttributeData | undefined): string {
    const background = cell === undefined ? 0 : backgroundOf(cell);
    return `${background === 0 ? this.#attributes.plain() : this.#attributes.background(background)}\x1b[X`;
  }
}
