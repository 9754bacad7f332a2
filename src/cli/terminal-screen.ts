import { constants } from "node:os";
import pc from "picocolors";
import { NovaError } from "../model/errors.ts";
import type { TerminalExit } from "../model/terminal-frames.ts";
import { visible } from "../model/visible.ts";
import type { TerminalRequest } from "../workers/link/terminal.ts";
import type { TerminalDial } from "../workers/terminal/dial.ts";
import type { CLIContext } from "./context.ts";
import { EscapeKeys } from "./worker-escape-keys.ts";

/** What a program that was left in the middle may have set: other screen, mouse, bracketed paste, colours, hidden cursor. */
const BACK_TO_NORMAL = "\u001b[?1049l\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?2004l\u001b[?25h\u001b[0m\r\n";
/** A terminal that was reset, as a snapshot needs it. */
const RESET = "\u001bc";
const CTRL_D = 4;

/** Whoever may only look has to say at what: a new shell into which nobody may type would be of no use. */
export function checkReadonly(options: { readonly readonly?: boolean; readonly session?: string }): void {
  if (options.readonly && options.session === undefined)
    throw new NovaError("USAGE", "--readonly says to look at a terminal, and not at which.", {
      place: "--readonly",
      next: "Name it with --session; whoever leaves a terminal with ~. is told its session.",
    });
}

/** Shows a worker's terminal on this side's, or in the pipe in its place, until it ends or is left. Sets the exit status. `again` says how to come back. */
export async function showTerminal(
  dial: TerminalDial,
  request: TerminalRequest,
  again: (session: string) => string,
  context: CLIContext,
): Promise<void> {
  const { TerminalViewer } = await import("../workers/terminal/viewer.ts");
  const screen = screenOf(context);
  const viewer = new TerminalViewer({
    dial,
    request,
    size: screen.size,
    write: async (bytes, what) => {
      if (what === "snapshot") await screen.write(RESET);
      await screen.write(bytes);
    },
    onBreak: (error) => screen.note(error ? `The connection broke; trying again (~. leaves).` : "Connected again."),
    onComplaint: (message) => screen.note(visible(message)),
  });
  const keys = screen.keys(viewer, request.readonly === true);
  try {
    const exit = await viewer.done;
    if (exit) return context.setExitCode(exitStatus(exit, context));
    if (screen.isTerminal) await screen.write(BACK_TO_NORMAL);
    if (viewer.session !== null) context.note(`Left. It can be come back to: ${again(viewer.session)}`);
  } finally {
    keys.end();
  }
}

function exitStatus({ exitCode, signal, why }: TerminalExit, context: CLIContext): number {
  if (why === "idle") context.note("The worker ended the terminal, which nobody had used for long.");
  if (exitCode !== null && signal === null) return exitCode;
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 1);
}

interface Viewer {
  type(bytes: Uint8Array): void;
  resized(): void;
  leave(): void;
}

/** This side's terminal, or the pipe in its place. */
function screenOf(context: CLIContext): {
  readonly isTerminal: boolean;
  readonly size: () => { columns: number; rows: number };
  write(bytes: Uint8Array | string): Promise<void>;
  note(line: string): void;
  keys(viewer: Viewer, looksOnly: boolean): { end(): void };
} {
  const stdout = context.stdout as Partial<NodeJS.WriteStream> & CLIContext["stdout"];
  const stdin = context.stdin as Partial<NodeJS.ReadStream> & CLIContext["stdin"];
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  return {
    isTerminal,
    size: () => ({ columns: Math.min(Math.max(stdout.columns || 80, 2), 1000), rows: Math.min(stdout.rows || 24, 1000) }),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdout.write(bytes, (error) => {
          if (error)
            reject(new NovaError("TERMINAL_FAILED", `This side's terminal takes no output: ${error.message}`, { cause: error }));
          else resolve();
        });
      }),
    note: (line) => context.note(isTerminal ? `\r\n${pc.dim(line)}\r` : line),
    keys(viewer, looksOnly) {
      const escape = new EscapeKeys();
      const type = (bytes: Uint8Array): void => {
        if (!isTerminal) return looksOnly ? undefined : viewer.type(bytes);
        const { send, leave } = escape.take(bytes);
        if (leave || (looksOnly && bytes.includes(3))) return viewer.leave();
        viewer.type(send);
      };
      const finished = (): void => {
        // A shell that is fed from a pipe ends with it; one that is only looked at does not care.
        if (!isTerminal && !looksOnly) viewer.type(Uint8Array.of(CTRL_D));
      };
      const leave = (): void => viewer.leave();
      const resized = (): void => viewer.resized();
      if (isTerminal) stdin.setRawMode?.(true);
      stdin.on("data", type).once("end", finished);
      stdout.on("resize", resized);
      context.outputClosed.addEventListener("abort", leave, { once: true });
      for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, leave);
      return {
        end() {
          if (isTerminal) stdin.setRawMode?.(false);
          stdin.off("data", type).off("end", finished).pause();
          stdin.unref?.();
          stdout.off("resize", resized);
          context.outputClosed.removeEventListener("abort", leave);
          for (const signal of ["SIGTERM", "SIGHUP"] as const) process.off(signal, leave);
        },
      };
    },
  };
}
