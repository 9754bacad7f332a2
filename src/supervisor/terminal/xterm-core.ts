import type { Terminal } from "@xterm/headless";

// What xterm keeps to itself and a snapshot needs: modes, margins, saved cursors, tab stops and character sets have no public names. The addon
// for serialising reaches in as well, and leaves these out.

/** How a cell, or the next character, looks. */
export interface AttributeData {
  /** Foreground colour and flags, and background colour and flags, as xterm packs them. */
  readonly fg: number;
  readonly bg: number;
  readonly extended: { readonly underlineStyle: number; readonly underlineColor: number; readonly urlId: number };
  getUnderlineStyle(): number;
  isBold(): number;
  isDim(): number;
  isItalic(): number;
  isBlink(): number;
  isInverse(): number;
  isInvisible(): number;
  isStrikethrough(): number;
  isOverline(): number;
  isProtected(): number;
}

export interface CoreCell extends AttributeData {
  /** Empty for a cell that nothing was written to. */
  getChars(): string;
  /** 0 for the second half of a wide character. */
  getWidth(): number;
}

export interface CoreLine {
  readonly length: number;
  readonly isWrapped: boolean;
  loadCell(column: number, into: CoreCell): CoreCell;
}

export type Charset = Readonly<Record<string, string>> | undefined;

export interface CoreBuffer {
  readonly x: number;
  readonly y: number;
  /** The first line of the screen. */
  readonly ybase: number;
  readonly scrollTop: number;
  readonly scrollBottom: number;
  readonly savedX: number;
  readonly savedY: number;
  readonly savedCurAttrData: AttributeData;
  readonly savedCharset: Charset;
  readonly tabs: Readonly<Record<number, boolean | undefined>>;
  readonly lines: { readonly length: number; get(index: number): CoreLine | undefined };
}

export interface XtermCore {
  readonly buffers: { readonly active: CoreBuffer; readonly normal: CoreBuffer; readonly alt: CoreBuffer };
  readonly coreService: {
    readonly isCursorHidden: boolean;
    readonly modes: { readonly insertMode: boolean };
    readonly decPrivateModes: {
      readonly applicationCursorKeys: boolean;
      readonly applicationKeypad: boolean;
      readonly bracketedPasteMode: boolean;
      readonly cursorBlink: boolean | undefined;
      readonly cursorStyle: "block" | "underline" | "bar" | undefined;
      readonly origin: boolean;
      readonly reverseWraparound: boolean;
      readonly sendFocus: boolean;
      readonly synchronizedOutput: boolean;
      readonly wraparound: boolean;
    };
  };
  readonly coreMouseService: { readonly activeProtocol: string; readonly activeEncoding: string };
  readonly _charsetService: { readonly charset: Charset; readonly glevel: number; readonly _charsets: readonly Charset[] };
  readonly _oscLinkService: { getLinkData(id: number): { readonly uri: string; readonly id?: string } | undefined };
  readonly _inputHandler: {
    readonly _curAttrData: AttributeData;
    readonly _parser: { readonly currentState: number };
    readonly _utf8Decoder: { readonly interim: Uint8Array };
  };
  /** Takes the bytes in before it returns. */
  writeSync(bytes: Uint8Array | string): void;
}

/** The parser's states that matter here. */
export const GROUND = 0;
export const OSC_STRING = 8;

export function coreOf(terminal: Terminal): XtermCore {
  return (terminal as unknown as { readonly _core: XtermCore })._core;
}
