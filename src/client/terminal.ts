import { NovaError } from "../model/errors.ts";
import {
  decodeTerminalOutput,
  encodeTerminalInput,
  TERMINAL_PROTOCOL,
  type TerminalInputFrame,
  type TerminalOutputFrame,
} from "../model/terminal-frames.ts";
import type { Connect } from "./socket.ts";

/** What a viewer asks of a worker's terminal. */
export interface TerminalQuestion {
  /** To come back to, with the offset of the next byte that is wanted. */
  readonly session?: string;
  readonly offset?: number;
  readonly columns?: number;
  readonly rows?: number;
  readonly readonly?: boolean;
  /** Opens in the environment and directory of this instance. */
  readonly instance?: string;
  /** Keeps what is shown as a recording. */
  readonly record?: boolean;
}

export interface TerminalEars {
  frame(frame: TerminalOutputFrame): void;
  /** Once, when it had been open. */
  ended(error: NovaError): void;
}

export interface OpenTerminal {
  send(frame: TerminalInputFrame): void;
  /** Hangs up; the session stays. */
  cut(): void;
}

export interface TerminalPlace {
  readonly connect: Connect;
  /** `ws:` or `wss:`, without a path. */
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly worker: string;
  readonly reason: () => Promise<NovaError | null>;
}

const CONNECT_MS = 15_000;

/** Path and query of a worker's terminal at the orchestrator. */
export function terminalPath(worker: string, question: TerminalQuestion): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(question) as [string, string | number | boolean | undefined][])
    if (value !== undefined && value !== false) query.set(name, value === true ? "1" : String(value));
  const text = query.toString();
  return `/api/workers/${encodeURIComponent(worker)}/terminal${text === "" ? "" : `?${text}`}`;
}

/** Opens one connection to a worker's terminal through the orchestrator; the signal ends the attempt. Rejects with the door's reason, or LINK_LOST. */
export function openTerminal(
  { connect, origin, headers, worker, reason }: TerminalPlace,
  question: TerminalQuestion,
  ears: TerminalEars,
  signal: AbortSignal,
): Promise<OpenTerminal> {
  const url = `${origin}${terminalPath(worker, question)}`;
  return new Promise((resolve, reject) => {
    let isOpen = false;
    let broken: NovaError | null = null;
    const giveUp = (): void => {
      if (isOpen) return;
      broken = new NovaError("LINK_LOST", "The worker's terminal does not answer in time.");
      socket.cut();
    };
    // Where the socket cannot tell why it was not let in, the door may elsewhere.
    const refuse = async (error: NovaError): Promise<void> =>
      reject(error.code === "LINK_LOST" && !broken ? ((await reason()) ?? error) : error);
    const late = setTimeout(giveUp, CONNECT_MS);
    const socket = connect(
      { url, protocols: [TERMINAL_PROTOCOL], headers },
      {
        opened: () => {
          isOpen = true;
          clearTimeout(late);
          resolve({ send: (frame) => socket.send(encodeTerminalInput(frame)), cut: () => socket.cut() });
        },
        message: (message) => {
          try {
            if (typeof message === "string") throw new NovaError("TERMINAL_FAILED", "A text came where terminal frames come.");
            ears.frame(decodeTerminalOutput(message));
          } catch (error) {
            broken = error instanceof NovaError ? error : new NovaError("TERMINAL_FAILED", String(error), { cause: error });
            socket.cut();
          }
        },
        closed: (error) => {
          clearTimeout(late);
          signal.removeEventListener("abort", giveUp);
          if (isOpen) return ears.ended(broken ?? error);
          void refuse(broken ?? error);
        },
      },
    );
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
  });
}
