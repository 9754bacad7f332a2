import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";

/** The terminal sessions of this container. */
export interface Terminals {
  /** Serves one connection to `/terminal`; the door has checked token, origin and host. The query says what: session, offset, columns, rows, readonly, instance. */
  connect(socket: WebSocket, request: IncomingMessage): void;
  /** Opens a terminal, sends a line through it and waits for its echo. Rejects with TERMINAL_FAILED. */
  probe(timeoutMs: number): Promise<void>;
  readonly sessions: readonly { readonly id: string; readonly viewers: number; readonly pid: number }[];
  /** Ends every session and what runs in it. */
  close(): Promise<void>;
}
