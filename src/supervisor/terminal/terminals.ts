import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";

/** The terminal sessions of this container. */
export interface Terminals {
  /**
   * Serves one connection to `/terminal`; the door has checked token, origin and host. The query says what: session, offset, columns, rows,
   * readonly, instance; `purpose=health` is not told of, and not counted. What goes wrong is told in band.
   */
  connect(socket: WebSocket, request: Pick<IncomingMessage, "url">): void;
  readonly sessions: readonly { readonly id: string; readonly viewers: number; readonly pid: number }[];
  /** Ends every session and what runs in it. */
  close(): Promise<void>;
}
