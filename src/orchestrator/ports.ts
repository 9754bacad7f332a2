import type { Caller, Role } from "../model/api/access.ts";
import type { GroupView, MessageView, ModuleView, CheckView, DoorState } from "../model/kept.ts";
import type { ScheduledTask } from "../model/task.ts";
import type { Dial } from "../workers/link/socket.ts";
import type { TerminalRequest } from "../workers/link/terminal.ts";

// What the control plane needs from where it runs. A composition root gives these; nothing here knows a machine, an engine or a platform.

/** A worker's container as it was found. */
export interface FoundWorker {
  readonly worker: string;
  /** Null where there is none. */
  readonly container: string | null;
  readonly running: boolean;
  readonly image: string | null;
  readonly engine: string | null;
  /** Why it does not run, or cannot be reached; null where nothing stands against it. */
  readonly trouble: string | null;
  /** Another container, or another start of it: the link begins anew. */
  readonly incarnation: string;
}

/** The workers of an installation, wherever they run. */
export interface Fleet {
  /** Called at once with all that there are, and with all anew after each change, until the signal. */
  watch(take: (found: readonly FoundWorker[]) => void, signal: AbortSignal): void;
  /** Opens `/ws` of the worker. */
  dial(worker: string): Dial;
  /** Asks a health door of the worker; never rejects. */
  health(worker: string, door: "terminal" | "websocket"): Promise<DoorState>;
  /** Opens `/terminal` of the worker, with its subprotocol or, for `null`, as what xterm's attach addon speaks. Rejects with DOOR_REFUSED or LINK_LOST. */
  terminal(worker: string, request: TerminalRequest, protocol: string | null, signal: AbortSignal): Promise<TerminalSocket>;
}

export type TerminalMessage = string | Uint8Array;

/** One end of a terminal's WebSocket, the worker's or the viewer's: messages as they are, and a way to let the other side wait. */
export interface TerminalSocket {
  /** Bytes that wait to be sent. */
  readonly bufferedBytes: number;
  send(message: TerminalMessage): void;
  /** No more messages are delivered, and in the end none read, until `resume`. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  /** Set once, before anything is delivered. `drained`: what waited to be sent has gone. */
  listen(listener: {
    message(message: TerminalMessage): void;
    drained(): void;
    closed(code: number, reason: string): void;
  }): void;
}

/** The agents' side of the house, where it runs in the same process or nearby. Null where it is not served. */
export interface AgentsSide {
  live(): ReadonlyMap<string, NonNullable<GroupView["live"]>>;
  sendMessage(
    message: Pick<MessageView, "chatJid" | "text" | "sender"> & { readonly id: string | null },
  ): Promise<{ id: string; isNew: boolean }>;
  cancelRun(run: string): Promise<void>;
  changeTask(task: string, to: "pause" | "resume" | "cancel"): Promise<ScheduledTask>;
}

/** Modules and the contract, where their engine can be asked. */
export interface HouseChecks {
  modules(): Promise<readonly ModuleView[]>;
  /** Makes a live check now. */
  check(): Promise<CheckView>;
}

/** Where recordings of terminals are kept. */
export interface Recordings {
  create(id: string): Promise<{ write(text: string): void; end(): Promise<string> }>;
  read(name: string): Promise<ReadableStream<Uint8Array> | null>;
}

export interface Logger {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Who may come in. */
export interface Tokens {
  list(): Promise<readonly (Caller & { readonly createdAtMs: number })[]>;
  /** Gives the token itself, which is kept nowhere. Rejects with REQUEST_INVALID when the name is taken. */
  add(name: string, role: Role): Promise<string>;
  /** Ends its sessions as well. Rejects with NOT_FOUND. */
  remove(name: string): Promise<void>;
}

/** What lets one connection in to a terminal. */
export interface Tickets {
  issue(of: {
    readonly worker: string;
    readonly caller: Caller;
    readonly readonly: boolean;
    readonly record: boolean;
  }): Promise<{ readonly ticket: string; readonly expiresAtMs: number }>;
}

/** What the process that runs all this knows of itself. */
export interface HouseFacts {
  readonly version: string;
  readonly home: string;
  readonly pid: number | null;
  readonly startedAtMs: number;
  readonly engine: string | null;
  /** Why the store does not take what comes; null where it does. */
  readonly storeTrouble: string | null;
}
