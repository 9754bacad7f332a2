// The frames of the subprotocol `novabot.terminal.v1` on `/terminal`: one frame in each binary message. Byte 0 is the kind; numbers are big-endian.
// Offsets count the bytes that the terminal has put out since its session began.

export const TERMINAL_PROTOCOL = "novabot.terminal.v1";
/** So many bytes may be on their way to a viewer without an acknowledgement. */
export const TERMINAL_WINDOW = 131_072;
/** Of one input frame. */
export const TERMINAL_INPUT_LIMIT = 1_048_576;

/** The first frame of a connection, as JSON after byte 0. */
export interface TerminalAttached {
  /** To come back with: `?session=…&offset=…`. */
  readonly session: string;
  readonly offset: number;
  /** `new`; `continued`: what was missed follows as output; `redrawn`: the offset was too old, a snapshot follows. */
  readonly how: "new" | "continued" | "redrawn";
  readonly readonly: boolean;
  /** Its size is the terminal's. */
  readonly owner: boolean;
  readonly columns: number;
  readonly rows: number;
}

export interface TerminalExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** `exit`: the program ended; `idle`: nobody used it for too long; `closed`: a viewer or the worker ended it. */
  readonly why: "exit" | "idle" | "closed";
}

export type TerminalOutputFrame =
  | { readonly kind: "attached"; readonly attached: TerminalAttached }
  /** `offset` is that of the first byte. */
  | { readonly kind: "output"; readonly offset: number; readonly bytes: Uint8Array }
  /** To be written to a terminal that was reset: the screen, its modes and as much scrollback as is kept, as of `offset`. */
  | {
      readonly kind: "snapshot";
      readonly offset: number;
      readonly columns: number;
      readonly rows: number;
      readonly bytes: Uint8Array;
    }
  /** The terminal has this size now, and whether it is this viewer's to say. */
  | { readonly kind: "size"; readonly columns: number; readonly rows: number; readonly owner: boolean }
  /** After the last byte of output; nothing follows. */
  | { readonly kind: "exit"; readonly exit: TerminalExit }
  /** What was asked was not done, or the connection ends. */
  | { readonly kind: "error"; readonly code: string; readonly message: string };

export type TerminalInputFrame =
  | { readonly kind: "input"; readonly bytes: Uint8Array }
  /** Ignored unless this viewer owns the size. */
  | { readonly kind: "resize"; readonly columns: number; readonly rows: number }
  /** Output up to `offset` has been taken in. */
  | { readonly kind: "ack"; readonly offset: number }
  /** From now on this viewer owns the size. */
  | { readonly kind: "own" }
  /** Ends the session and what runs in it. */
  | { readonly kind: "close" };
