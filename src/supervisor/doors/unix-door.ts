import { chmod, unlink } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { MESSAGE_LIMIT, type PeerMessage, peerMessageSchema } from "../../model/link.ts";
import { hasCode, messageOf, NovaError } from "../../model/errors.ts";
import type { Dispatch } from "./calls.ts";
import { Desk, type Outlet } from "./desk.ts";
import type { History } from "./history.ts";
import { failureOf, parseMessage } from "./messages.ts";

/** Bytes that may wait to be sent before what follows pauses. */
const ROOM_BYTES = 1_048_576;
/** Beyond so many no call is read any more until the asker has read. */
const FULL_BYTES = 4_194_304;
const CONNECTIONS = 256;
/** How long somebody who was refused may take to hang up. */
const CLOSE_MS = 2_000;

export interface UnixDoor {
  close(): Promise<void>;
}

/**
 * The door for commands in the container: calls as lines of JSON. The caller holds the lock, so a socket that lies there is nobody's. Only the
 * supervisor's own user can connect. Rejects with SUPERVISOR_FAILED.
 */
export async function openUnixDoor(path: string, dispatch: Dispatch, history: () => History | null): Promise<UnixDoor> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serveLines(socket, dispatch, history);
  });
  server.maxConnections = CONNECTIONS;
  try {
    await unlink(path).catch((error: unknown) => {
      if (!hasCode(error, "ENOENT")) throw error;
    });
    // The socket is made within `listen`, before anybody else's turn: it never is more open than this.
    const mask = process.umask(0o077);
    try {
      server.listen(path);
    } finally {
      process.umask(mask);
    }
    await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
    await chmod(path, 0o700);
  } catch (error) {
    server.close();
    throw new NovaError("SUPERVISOR_FAILED", `the socket ${path} cannot be opened (${messageOf(error)})`, {
      place: path,
      next: "Set NOVABOT_SUPERVISOR_SOCKET to a path in a directory that this user may write to.",
      cause: error,
    });
  }
  return {
    async close() {
      // Node removes the socket's file with it.
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.end().destroySoon();
      await closed;
    },
  };
}

function serveLines(socket: Socket, dispatch: Dispatch, history: () => History | null): void {
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    if (socket.isPaused() && socket.writableLength <= FULL_BYTES) socket.resume();
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };
  const outlet: Outlet = {
    send(text) {
      if (socket.destroyed || socket.writableEnded) return;
      socket.write(`${text}\n`, wake);
      if (socket.writableLength > FULL_BYTES) socket.pause();
    },
    async room() {
      while (!socket.destroyed && socket.writableLength > ROOM_BYTES) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
  const desk = new Desk(dispatch, outlet, history);
  const refuse = (error: unknown): void => {
    // Number 0 is no call's: it is the connection that failed.
    outlet.send(JSON.stringify({ type: "failure", id: 0, error: failureOf(error) }));
    desk.close();
    socket.removeAllListeners("data").resume().end();
    setTimeout(() => socket.destroy(), CLOSE_MS).unref();
  };
  const lines = splitLines((line) => {
    const message = parseMessage<PeerMessage>(line, peerMessageSchema);
    if (message.type !== "call" && message.type !== "cancel")
      throw new NovaError("LINK_PROTOCOL", `the unix socket takes call and cancel, and ${message.type} came`);
    desk.take(message);
  }, refuse);
  socket.on("data", lines);
  socket.on("error", () => socket.destroy());
  // Who hangs up ends what follows.
  socket.on("close", () => {
    desk.close();
    wake();
  });
}

/** Gives each line to `take`, and calls `refuse` once, for the first line that is too long or that `take` throws for. */
function splitLines(take: (line: string) => void, refuse: (error: unknown) => void): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  let bytes = 0;
  let refused = false;
  return (chunk) => {
    let begin = 0;
    try {
      while (!refused && begin < chunk.length) {
        const end = chunk.indexOf(0x0a, begin);
        const piece = chunk.subarray(begin, end === -1 ? chunk.length : end);
        bytes += piece.length;
        if (bytes > MESSAGE_LIMIT) throw new NovaError("LINK_PROTOCOL", `a line is longer than ${MESSAGE_LIMIT} bytes`);
        pending.push(piece);
        if (end === -1) return;
        const line = Buffer.concat(pending).toString("utf8").trim();
        pending = [];
        bytes = 0;
        begin = end + 1;
        if (line !== "") take(line);
      }
    } catch (error) {
      refused = true;
      refuse(error);
    }
  };
}
