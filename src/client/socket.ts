import { NovaError } from "../model/errors.ts";

// The one thing that differs between a browser, Node and a test: how a WebSocket is made.

export interface SocketTarget {
  /** `ws:` or `wss:`. */
  readonly url: string;
  readonly protocols: readonly string[];
  /** Only where the place allows any: a browser has its cookie instead. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Nothing of it is called before `Connect` has returned. */
export interface SocketListener {
  opened(): void;
  message(message: string | Uint8Array): void;
  /** Once, whatever ended it, and also when it never opened: ACCESS_… or another code of a refusal where that can be told, else LINK_LOST. */
  closed(error: NovaError): void;
}

export interface ClientSocket {
  /** What is sent after the end, or before it is open, is left out. */
  send(message: string | Uint8Array): void;
  /** Hangs up without waiting for the other side. */
  cut(): void;
}

export type Connect = (target: SocketTarget, listener: SocketListener) => ClientSocket;

/** What Node's own WebSocket takes beside the web's. */
type Make = new (url: string, options: string[] | { protocols: string[]; headers: Record<string, string> }) => WebSocket;

/** By the WebSocket of the place. It does not tell why a door did not let it in. */
export const connectByWeb: Connect = ({ url, protocols, headers }, listener) => {
  const Make = WebSocket as unknown as Make;
  const hasHeaders = Object.keys(headers).length > 0;
  const socket = new Make(url, hasHeaders ? { protocols: [...protocols], headers: { ...headers } } : [...protocols]);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => listener.opened());
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) =>
    listener.message(typeof data === "string" ? data : new Uint8Array(data)),
  );
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    listener.closed(new NovaError("LINK_LOST", `The connection to ${new URL(url).host} is not there.`));
  };
  socket.addEventListener("close", end);
  socket.addEventListener("error", end);
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message as string | Uint8Array<ArrayBuffer>);
    },
    cut: () => {
      socket.close();
      end();
    },
  };
};
