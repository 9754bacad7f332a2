import type { Caller } from "../../model/api/access.ts";
import type { EntryFilter } from "../../model/entry.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import {
  MONITORING_MESSAGE_LIMIT,
  MONITORING_PROTOCOL,
  type MonitoringMessage,
  type MonitoringRequest,
  monitoringRequestSchema,
} from "../../model/monitoring.ts";
import type { Feed } from "../feed.ts";
import type { Operations } from "../operations.ts";
import type { Logger, TerminalMessage, TerminalSocket } from "../ports.ts";
import { Outbox } from "./outbox.ts";
import { subscription } from "./subscription.ts";

export interface MonitoringParts {
  readonly feed: Feed;
  readonly operations: Pick<Operations, "callUnknown">;
  readonly caller: Caller;
  readonly logger: Pick<Logger, "error">;
  /** Of NovaBot, for the hello. */
  readonly version: string;
}

export interface MonitoringSession {
  /** Resolves when the connection is over. */
  readonly ended: Promise<void>;
  /** Says why and hangs up. */
  end(reason: Bye["reason"], message: string): void;
}

type Bye = Extract<MonitoringMessage, { readonly type: "bye" }>;

/** Of one session at once. */
const SUBSCRIPTIONS = 64;
const CALLS = 64;
/** Application codes of WebSockets; the `bye` before it tells the rest. */
const closeCodes: Readonly<Record<Bye["reason"], number>> = { stopping: 1001, protocol: 1008, access: 1008 };

/** Speaks `/ws/monitoring` with one client, from the hello until either side goes. The socket's door has let the caller in. */
export function openMonitoring(socket: TerminalSocket, parts: MonitoringParts): MonitoringSession {
  return new Session(socket, parts);
}

class Session implements MonitoringSession {
  readonly ended: Promise<void>;
  readonly #parts: MonitoringParts;
  readonly #socket: TerminalSocket;
  readonly #outbox: Outbox;
  readonly #over = new AbortController();
  readonly #subscriptions = new Map<number, AbortController>();
  readonly #calls = new Set<number>();

  constructor(socket: TerminalSocket, parts: MonitoringParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#outbox = new Outbox(socket);
    this.ended = new Promise((resolve) =>
      this.#over.signal.addEventListener("abort", () => {
        this.#outbox.close();
        resolve();
      }),
    );
    socket.listen({
      message: (message) => this.#heard(message),
      drained: () => this.#outbox.drained(),
      closed: () => this.#over.abort(),
    });
    const { version, feed, caller } = parts;
    this.#send({ type: "hello", protocol: MONITORING_PROTOCOL, version, position: feed.position, role: caller.role });
  }

  end(reason: Bye["reason"], message: string): void {
    if (this.#over.signal.aborted) return;
    this.#send({ type: "bye", reason, message });
    this.#over.abort();
    this.#socket.close(closeCodes[reason], reason);
  }

  #send(message: MonitoringMessage): void {
    this.#outbox.send(JSON.stringify(message));
  }

  #heard(message: TerminalMessage): void {
    if (this.#over.signal.aborted) return;
    try {
      this.#take(requestOf(message));
      // Whoever asks and does not read the answers is asked to wait.
      if (this.#outbox.isFull) this.#outbox.hold();
    } catch (error) {
      this.end("protocol", messageOf(error));
    }
  }

  #take(request: MonitoringRequest): void {
    const { id } = request;
    if (request.type === "unsubscribe") {
      this.#subscriptions.get(id)?.abort();
      this.#subscriptions.delete(id);
      return;
    }
    if (this.#subscriptions.has(id) || this.#calls.has(id))
      return this.#fail(id, new NovaError("REQUEST_INVALID", `the number ${id} is in use`, { place: "id" }));
    if (request.type === "subscribe") this.#subscribe(id, request.filter, request.after ?? null);
    else void this.#call(id, request.name, request.params);
  }

  #subscribe(id: number, filter: EntryFilter, after: number | null): void {
    if (this.#subscriptions.size >= SUBSCRIPTIONS)
      return this.#fail(id, new NovaError("REQUEST_INVALID", `a session has ${SUBSCRIPTIONS} subscriptions at most`));
    const ending = new AbortController();
    this.#subscriptions.set(id, ending);
    const signal = AbortSignal.any([ending.signal, this.#over.signal]);
    subscription(id, this.#parts.feed.follow(filter, after, signal), this.#outbox, signal).catch((error: unknown) => {
      if (this.#subscriptions.get(id) === ending) this.#subscriptions.delete(id);
      if (!signal.aborted) this.#fail(id, error);
    });
  }

  async #call(id: number, name: string, params: unknown): Promise<void> {
    if (this.#calls.size >= CALLS)
      return this.#fail(id, new NovaError("REQUEST_INVALID", `a session has ${CALLS} calls under way at most`));
    this.#calls.add(id);
    if (this.#calls.size >= CALLS / 2) this.#outbox.hold();
    try {
      const { operations, caller } = this.#parts;
      const by = { caller, door: "websocket", signal: this.#over.signal } as const;
      const result = await operations.callUnknown(name, params, by);
      this.#send({ type: "result", id, result: result ?? null });
    } catch (error) {
      this.#fail(id, error);
    } finally {
      this.#calls.delete(id);
      if (this.#calls.size < CALLS / 2) this.#outbox.release();
    }
  }

  #fail(id: number, thrown: unknown): void {
    // What went wrong inside is not for whoever asks.
    if (!(thrown instanceof NovaError))
      this.#parts.logger.error({ id, reason: messageOf(thrown) }, "what was asked over /ws/monitoring failed");
    const error = thrown instanceof NovaError ? thrown : new NovaError("INTERNAL", "the orchestrator itself went wrong");
    this.#send({ type: "failure", id, error: { code: error.code, message: error.message, next: error.next } });
  }
}

/** Throws REQUEST_INVALID or REQUEST_TOO_LARGE. */
function requestOf(message: TerminalMessage): MonitoringRequest {
  if (typeof message !== "string") throw new NovaError("REQUEST_INVALID", "a binary message came, and all are text");
  // A character is a byte at least.
  if (message.length > MONITORING_MESSAGE_LIMIT)
    throw new NovaError("REQUEST_TOO_LARGE", `a message of more than ${MONITORING_MESSAGE_LIMIT} bytes came`);
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch {
    throw new NovaError("REQUEST_INVALID", `what is no JSON came: ${quote(message)}`);
  }
  const read = monitoringRequestSchema.safeParse(json);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new NovaError("REQUEST_INVALID", `a message is not as it must be: ${issue?.path.join(".")}: ${issue?.message}`);
}
