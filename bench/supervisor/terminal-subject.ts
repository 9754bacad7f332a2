import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RawData, WebSocket } from "ws";
import { decodeTerminalOutput, encodeTerminalInput, TERMINAL_PROTOCOL } from "../../src/model/terminal-frames.ts";
import { startHouse } from "./house.ts";

/** A shell behind whatever serves it, as a page would have it; what comes is taken in at once. */
export interface Shell {
  onOutput: (bytes: Buffer) => void;
  type(text: string): void;
  /** Resolves when the connection has ended, from either side. */
  readonly ended: Promise<void>;
  close(): void;
}

/** What is needed to open a shell of a subject from any process. */
export type Way =
  | { readonly kind: "housed"; readonly token: string }
  | { readonly kind: "plain" }
  | { readonly kind: "wetty"; readonly directory: string };

export interface TerminalSubject {
  readonly name: string;
  readonly way: Way;
  /** Of the process that serves. */
  readonly pid: number;
  readonly port: number;
  /** A new shell, through this port of 127.0.0.1. Resolves when its prompt is there. */
  open(port: number): Promise<Shell>;
  close(): Promise<void>;
}

/** Resolves when the prompt is there; until then nobody else hears of the output. */
export async function prompted(shell: Shell): Promise<Shell> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    shell.onOutput = (bytes) => {
      text += bytes.toString("latin1");
      if (/[$#] $/.test(text)) resolve();
    };
    void shell.ended.then(() => reject(new Error(`a terminal ended at once: ${text}`)));
  });
  shell.onOutput = () => undefined;
  return shell;
}

async function connected(
  url: string,
  options: { readonly protocols: string[]; readonly headers: Record<string, string> },
  take: (shell: Shell, data: Buffer, socket: WebSocket) => void,
  send: (socket: WebSocket, text: string) => void,
): Promise<Shell> {
  const socket = new WebSocket(url, options.protocols, { headers: options.headers, perMessageDeflate: false });
  const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  const shell: Shell = {
    onOutput: () => undefined,
    type: (text) => send(socket, text),
    ended,
    close: () => {
      // A session that one could come back to would go on with its flood.
      if (options.protocols.length > 0) socket.send(encodeTerminalInput({ kind: "close" }));
      socket.close();
    },
  };
  socket.on("message", (data: RawData) => take(shell, data as Buffer, socket));
  const prompt = prompted(shell);
  await once(socket, "open");
  return await prompt;
}

/** A shell of NovaBot's supervisor, spoken to with frames. */
export async function openHoused(token: string, port: number): Promise<Shell> {
  let taken = 0;
  return await connected(
    `ws://127.0.0.1:${port}/terminal`,
    { protocols: [TERMINAL_PROTOCOL], headers: { authorization: `Bearer ${token}` } },
    (shell, data, socket) => {
      const frame = decodeTerminalOutput(data);
      if (frame.kind === "error") throw new Error(frame.message);
      if (frame.kind !== "output") return;
      shell.onOutput(Buffer.from(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.length));
      const offset = frame.offset + frame.bytes.length;
      if (offset - taken < 32_768) return;
      taken = offset;
      socket.send(encodeTerminalInput({ kind: "ack", offset }));
    },
    (socket, text) => socket.send(encodeTerminalInput({ kind: "input", bytes: Buffer.from(text) })),
  );
}

export async function openPlain(port: number): Promise<Shell> {
  return await connected(
    `ws://127.0.0.1:${port}/`,
    { protocols: [], headers: {} },
    (shell, data) => shell.onOutput(data),
    (socket, text) => socket.send(text),
  );
}

export async function housed(directory: string): Promise<TerminalSubject> {
  const { pid, port, token, close } = await startHouse(directory);
  return {
    name: "NovaBot",
    way: { kind: "housed", token },
    pid,
    port,
    open: async (through) => await openHoused(token, through),
    close,
  };
}

/** The port that a program prints first. */
export async function portOf(child: ChildProcess): Promise<number> {
  const [first] = (await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data")) as [Buffer];
  return Number(first.toString());
}

export async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** node-pty and ws, with nothing between them. */
export async function plain(): Promise<TerminalSubject> {
  const program = join(dirname(fileURLToPath(import.meta.url)), "terminal-plain.mjs");
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  return {
    name: "node-pty and ws",
    way: { kind: "plain" },
    pid: child.pid ?? 0,
    port: await portOf(child),
    open: openPlain,
    close: async () => await stopped(child),
  };
}
