import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Terminal } from "@xterm/headless";
import { WebSocket, WebSocketServer } from "ws";
import type { WorkerEvent } from "../../../../src/model/record.ts";
import {
  decodeTerminalOutput,
  encodeTerminalInput,
  TERMINAL_PROTOCOL,
  type TerminalAttached,
  type TerminalExit,
  type TerminalInputFrame,
  type TerminalOutputFrame,
} from "../../../../src/model/terminal-frames.ts";
import { openTerminals, type TerminalsOptions } from "../../../../src/supervisor/terminal/open-terminals.ts";
import type { Terminals } from "../../../../src/supervisor/terminal/terminals.ts";
import { take, viewerTerminal } from "./screens.ts";

/** Terminals behind a real WebSocket server on loopback. */
export class TerminalBed {
  readonly terminals: Terminals;
  readonly events: Extract<WorkerEvent, { type: "terminal" }>[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<WebSocket>();

  private constructor(server: Server, options: Partial<TerminalsOptions>) {
    this.#server = server;
    this.terminals = openTerminals({
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: "/", LANG: "C.UTF-8", PS1: "$ ", LESSHISTFILE: "-" },
      directory: "/",
      place: () => {
        throw new Error("no instances here");
      },
      onEvent: (event) => this.events.push(event),
      tell: () => undefined,
      shell: { file: "/bin/sh", args: [] },
      hangUpMs: 300,
      ...options,
    });
    const upgrades = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => (offered.has(TERMINAL_PROTOCOL) ? TERMINAL_PROTOCOL : false),
    });
    server.on("upgrade", (request, socket, head) => {
      upgrades.handleUpgrade(request, socket, head, (webSocket) => this.terminals.connect(webSocket, request));
    });
  }

  static async open(options: Partial<TerminalsOptions> = {}): Promise<TerminalBed> {
    const server = createServer();
    const bed = new TerminalBed(server, options);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return bed;
  }

  /** A terminal in which this runs instead of a shell. */
  static async running(command: string, options: Partial<TerminalsOptions> = {}): Promise<TerminalBed> {
    return await TerminalBed.open({ shell: { file: "/bin/sh", args: ["-c", command] }, ...options });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  socket(query: string, isFramed: boolean): WebSocket {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/terminal${query}`, isFramed ? [TERMINAL_PROTOCOL] : [], {
      perMessageDeflate: false,
    });
    socket.binaryType = "nodebuffer";
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    return socket;
  }

  view(query = "", options: ViewOptions = {}): View {
    return new View(this.socket(query, true), options);
  }

  plain(query = ""): PlainView {
    return new PlainView(this.socket(query, false));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    await this.terminals.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

export interface ViewOptions {
  /** Goes on with the screen of a view that was cut off. */
  readonly screen?: Terminal;
  /** Takes in, but does not say so. */
  readonly isMute?: boolean;
}

/** Far longer than what is waited for takes, and shorter than a test may take. */
const PATIENCE_MS = 55_000;

/** Waits for a condition that messages bring about; rejects with what there was instead. */
class Waiting {
  readonly #waiting = new Set<() => void>();
  readonly #seen: () => string;

  constructor(seen: () => string) {
    this.#seen = seen;
  }

  changed(): void {
    for (const look of this.#waiting) look();
  }

  async until(condition: () => boolean, what: string = String(condition)): Promise<void> {
    if (condition()) return;
    // Made here, as it tells where the wait began.
    const error = new Error();
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        error.message = `${what} did not come within ${PATIENCE_MS} ms; ${this.#seen()}`;
        reject(error);
      }, PATIENCE_MS);
      this.#waiting.add(look);
    });
  }
}

/** A viewer with frames, and its screen. */
export class View {
  readonly socket: WebSocket;
  readonly frames: TerminalOutputFrame[] = [];
  screen: Terminal;
  attached: TerminalAttached | null = null;
  exit: TerminalExit | null = null;
  errors: string[] = [];
  owner = false;
  /** Bytes that were taken in as output, and all of them as text. */
  offset = 0;
  text = "";
  isClosed = false;
  isMute: boolean;
  readonly #waiting = new Waiting(() => {
    const frames = JSON.stringify(this.frames.filter(({ kind }) => kind !== "snapshot").slice(-5));
    return `closed: ${this.isClosed}; at ${this.offset}: ${JSON.stringify(this.text.slice(-500))}; the last frames: ${frames}`;
  });
  #pending = 0;

  constructor(socket: WebSocket, { screen, isMute = false }: ViewOptions) {
    this.socket = socket;
    this.isMute = isMute;
    this.screen = screen ?? viewerTerminal(80, 24);
    socket.on("message", (data) => {
      this.#take(decodeTerminalOutput(data as Buffer));
      this.#waiting.changed();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#waiting.changed();
    });
  }

  async until(condition: () => boolean): Promise<void> {
    await this.#waiting.until(condition);
  }

  /** Resolves when the output has this in it. */
  async says(text: string): Promise<void> {
    await this.#waiting.until(() => this.text.includes(text), JSON.stringify(text));
  }

  send(frame: TerminalInputFrame): void {
    this.socket.send(encodeTerminalInput(frame));
  }

  type(text: string): void {
    this.send({ kind: "input", bytes: Buffer.from(text) });
  }

  ack(): void {
    this.send({ kind: "ack", offset: this.offset });
    this.#pending = 0;
  }

  /** Says, from now on, what it has taken in. */
  speak(): void {
    this.isMute = false;
    this.ack();
  }

  #take(frame: TerminalOutputFrame): void {
    if (frame.kind !== "output") this.frames.push(frame);
    switch (frame.kind) {
      case "attached":
        this.attached = frame.attached;
        this.offset = frame.attached.offset;
        this.owner = frame.attached.owner;
        if (frame.attached.how !== "redrawn") this.screen.resize(frame.attached.columns, frame.attached.rows);
        return;
      case "output":
        if (frame.offset !== this.offset) throw new Error(`output from ${frame.offset} came at ${this.offset}`);
        this.offset += frame.bytes.length;
        if (this.text.length < 10_000_000) this.text += Buffer.from(frame.bytes).toString("latin1");
        take(this.screen, frame.bytes);
        this.#pending += frame.bytes.length;
        if (!this.isMute && this.#pending >= 32_768) this.ack();
        return;
      case "snapshot":
        this.offset = frame.offset;
        this.screen.reset();
        this.screen.resize(frame.columns, frame.rows);
        take(this.screen, frame.bytes);
        if (!this.isMute) this.ack();
        return;
      case "size":
        this.owner = frame.owner;
        this.screen.resize(frame.columns, frame.rows);
        return;
      case "exit":
        this.exit = frame.exit;
        return;
      case "error":
        this.errors.push(`${frame.code}: ${frame.message}`);
    }
  }
}

/** What xterm's attach addon is. */
export class PlainView {
  readonly socket: WebSocket;
  text = "";
  length = 0;
  isClosed = false;
  readonly #waiting = new Waiting(() => `closed: ${this.isClosed}; the last text: ${JSON.stringify(this.text.slice(-500))}`);

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      if (!isBinary) throw new Error("a text came out of a plain terminal");
      this.length += (data as Buffer).length;
      if (this.text.length < 10_000_000) this.text += (data as Buffer).toString("latin1");
      this.#waiting.changed();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#waiting.changed();
    });
  }

  async until(condition: () => boolean): Promise<void> {
    await this.#waiting.until(condition);
  }

  async says(text: string): Promise<void> {
    await this.#waiting.until(() => this.text.includes(text), JSON.stringify(text));
  }
}
