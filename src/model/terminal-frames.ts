import * as z from "zod";
import { NovaError } from "./errors.ts";

// The frames of the subprotocol `novabot.terminal.v1` on `/terminal`: one frame in each binary message. Byte 0 is the kind; numbers are big-endian.
// Offsets count the bytes that the terminal has put out since its session began, in 8 bytes; sizes have 2 bytes; JSON is of ASCII alone, the rest is escaped.

export const TERMINAL_PROTOCOL = "novabot.terminal.v1";
/** So many bytes may be on their way to a viewer without an acknowledgement. */
export const TERMINAL_WINDOW = 131_072;
/** Of one input frame, in bytes. */
export const TERMINAL_INPUT_LIMIT = 1_048_576;
/** Of columns and of rows. */
export const TERMINAL_SIZE_LIMIT = 1000;

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
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly next?: string };

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

const offsetSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const sizeSchema = z.number().int().min(1).max(TERMINAL_SIZE_LIMIT);
const attachedSchema: z.ZodType<TerminalAttached> = z.strictObject({
  // People are told to type it.
  session: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  offset: offsetSchema,
  how: z.enum(["new", "continued", "redrawn"]),
  readonly: z.boolean(),
  owner: z.boolean(),
  columns: sizeSchema,
  rows: sizeSchema,
});
const exitSchema: z.ZodType<TerminalExit> = z.strictObject({
  exitCode: z.number().int().nullable(),
  signal: z
    .string()
    .regex(/^SIG[A-Z0-9]{1,28}$/)
    .nullable(),
  why: z.enum(["exit", "idle", "closed"]),
});
const errorSchema = z.strictObject({
  code: z.string().max(64),
  message: z.string().max(65_536),
  next: z.string().max(65_536).exactOptional(),
});

/** What the worker sends. */
export function encodeTerminalOutput(frame: TerminalOutputFrame): Uint8Array {
  switch (frame.kind) {
    case "attached":
      return jsonFrame(1, frame.attached);
    case "output": {
      const bytes = new Uint8Array(9 + frame.bytes.length);
      bytes[0] = 2;
      setOffset(bytes, frame.offset);
      bytes.set(frame.bytes, 9);
      return bytes;
    }
    case "snapshot": {
      const bytes = new Uint8Array(13 + frame.bytes.length);
      bytes[0] = 3;
      setOffset(bytes, frame.offset);
      setSize(bytes, 9, frame);
      bytes.set(frame.bytes, 13);
      return bytes;
    }
    case "size": {
      const bytes = new Uint8Array(6);
      bytes[0] = 4;
      setSize(bytes, 1, frame);
      bytes[5] = frame.owner ? 1 : 0;
      return bytes;
    }
    case "exit":
      return jsonFrame(5, frame.exit);
    case "error":
      return jsonFrame(6, { code: frame.code, message: frame.message, next: frame.next });
    default:
      return frame satisfies never;
  }
}

/** What the worker sent; `bytes` of the answer look into the frame's. Throws TERMINAL_FAILED. */
export function decodeTerminalOutput(bytes: Uint8Array): TerminalOutputFrame {
  switch (bytes[0]) {
    case 1:
      return { kind: "attached", attached: json(bytes, attachedSchema) };
    case 2:
      return { kind: "output", offset: offsetOf(bytes), bytes: bytes.subarray(9) };
    case 3:
      need(bytes, 13);
      return { kind: "snapshot", offset: offsetOf(bytes), ...sizeOf(bytes, 9), bytes: bytes.subarray(13) };
    case 4:
      exactly(bytes, 6);
      return { kind: "size", ...sizeOf(bytes, 1), owner: bytes[5] === 1 };
    case 5:
      return { kind: "exit", exit: json(bytes, exitSchema) };
    case 6:
      return { kind: "error", ...json(bytes, errorSchema) };
    default:
      throw broken(`no frame of a worker begins with ${bytes[0] ?? "nothing"}`);
  }
}

/** What a viewer sends. */
export function encodeTerminalInput(frame: TerminalInputFrame): Uint8Array {
  switch (frame.kind) {
    case "input": {
      const bytes = new Uint8Array(1 + frame.bytes.length);
      bytes[0] = 1;
      bytes.set(frame.bytes, 1);
      return bytes;
    }
    case "resize": {
      const bytes = new Uint8Array(5);
      bytes[0] = 2;
      setSize(bytes, 1, frame);
      return bytes;
    }
    case "ack": {
      const bytes = new Uint8Array(9);
      bytes[0] = 3;
      setOffset(bytes, frame.offset);
      return bytes;
    }
    case "own":
      return Uint8Array.of(4);
    case "close":
      return Uint8Array.of(5);
    default:
      return frame satisfies never;
  }
}

/** What a viewer sent; `bytes` of the answer look into the frame's. Throws TERMINAL_FAILED. */
export function decodeTerminalInput(bytes: Uint8Array): TerminalInputFrame {
  switch (bytes[0]) {
    case 1:
      if (bytes.length - 1 > TERMINAL_INPUT_LIMIT) {
        throw broken(`an input of ${bytes.length - 1} bytes is longer than ${TERMINAL_INPUT_LIMIT}`);
      }
      return { kind: "input", bytes: bytes.subarray(1) };
    case 2:
      exactly(bytes, 5);
      return { kind: "resize", ...sizeOf(bytes, 1) };
    case 3:
      exactly(bytes, 9);
      return { kind: "ack", offset: offsetOf(bytes) };
    case 4:
      exactly(bytes, 1);
      return { kind: "own" };
    case 5:
      exactly(bytes, 1);
      return { kind: "close" };
    default:
      throw broken(`no frame of a viewer begins with ${bytes[0] ?? "nothing"}`);
  }
}

function broken(what: string): NovaError {
  return new NovaError("TERMINAL_FAILED", `a terminal frame cannot be read: ${what}`, {
    next: "See that both sides are of the same release of NovaBot.",
  });
}

function need(bytes: Uint8Array, length: number): void {
  if (bytes.length < length) throw broken(`kind ${bytes[0]} has ${bytes.length} bytes, which is too short`);
}

function exactly(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw broken(`kind ${bytes[0]} has ${bytes.length} bytes, not ${length}`);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setOffset(bytes: Uint8Array, offset: number): void {
  const into = view(bytes);
  into.setUint32(1, Math.floor(offset / 0x1_0000_0000));
  into.setUint32(5, offset % 0x1_0000_0000);
}

function offsetOf(bytes: Uint8Array): number {
  need(bytes, 9);
  const from = view(bytes);
  const offset = from.getUint32(1) * 0x1_0000_0000 + from.getUint32(5);
  if (!Number.isSafeInteger(offset)) throw broken(`no terminal has put out ${offset} bytes`);
  return offset;
}

function setSize(bytes: Uint8Array, at: number, size: { readonly columns: number; readonly rows: number }): void {
  const into = view(bytes);
  into.setUint16(at, size.columns);
  into.setUint16(at + 2, size.rows);
}

function sizeOf(bytes: Uint8Array, at: number): { columns: number; rows: number } {
  const from = view(bytes);
  const size = { columns: from.getUint16(at), rows: from.getUint16(at + 2) };
  for (const [name, value] of Object.entries(size)) {
    if (value < 1 || value > TERMINAL_SIZE_LIMIT) throw broken(`${value} ${name} are not within 1 and ${TERMINAL_SIZE_LIMIT}`);
  }
  return size;
}

function jsonFrame(kind: number, value: object): Uint8Array {
  const text = JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const bytes = new Uint8Array(1 + text.length);
  bytes[0] = kind;
  for (let at = 0; at < text.length; at += 1) bytes[at + 1] = text.charCodeAt(at);
  return bytes;
}

function json<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  if (bytes.length > 1_048_576) throw broken(`kind ${bytes[0]} has ${bytes.length} bytes, which is too long`);
  let text = "";
  for (let at = 1; at < bytes.length; at += 1) text += String.fromCharCode(bytes[at] ?? 0);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NovaError("TERMINAL_FAILED", `a terminal frame cannot be read: kind ${bytes[0]} has no JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw broken(`kind ${bytes[0]} ${parsed.error.issues[0]?.message ?? "is not of its form"}`);
  return parsed.data;
}
