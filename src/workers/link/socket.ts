/** What is used of a WebSocket: the web's own, Cloudflare's, or that of the package `ws`. */
export interface LinkSocket {
  /** Bytes that wait to be sent, where it tells. */
  readonly bufferedAmount?: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close" | "error", listener: (event: object) => void): void;
}

/** An open connection of which no message has been delivered yet. */
export interface Dialled {
  readonly socket: LinkSocket;
  /** Messages may come: the listeners are in their places. */
  begin(): void;
  /** Where they exist: messages wait on the other side meanwhile. */
  pause?(): void;
  resume?(): void;
  /** Hangs up without a farewell; `close` may wait for a peer that is gone. */
  cut(): void;
}

/** Opens a connection to a worker's `/ws`. Rejects with the reason: DOOR_REFUSED where the worker did not let it in, LINK_LOST otherwise. */
export type Dial = (signal: AbortSignal) => Promise<Dialled>;
