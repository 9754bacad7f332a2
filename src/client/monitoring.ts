import type { APIAnswer, APICallName, APIParams } from "../model/api/calls.ts";
import { NovaError } from "../model/errors.ts";
import type { Entry, EntryFilter } from "../model/entry.ts";
import {
  MONITORING_PROTOCOL,
  type MonitoringMessage,
  monitoringMessageSchema,
  type MonitoringRequest,
} from "../model/monitoring.ts";
import { readAnswer } from "./answer.ts";
import { knownCode } from "./problem.ts";
import type { ClientSocket, Connect, SocketTarget } from "./socket.ts";

/** What one subscription hears. Entries come in their order, each once, however often the connection breaks. */
export interface Subscriber {
  entries(entries: readonly Entry[], position: number): void;
  /** What was there has been told; from here on entries come as they are taken in. Again after each new connection. */
  live(position: number): void;
  gap(gap: Gap): void;
  /** The connection broke and is being made again, or (null) is there again. */
  broken(error: NovaError | null): void;
  /** It is over for good, and nothing more comes. */
  ended(error: NovaError): void;
}

export interface Gap {
  /** `another database`: the positions that were known are not those of the orchestrator that answers now. */
  readonly reason: "slow reader" | "no longer kept" | "another database";
  readonly after: number;
  readonly upTo: number;
  readonly entries: number | null;
}

export interface MonitoringOptions {
  readonly connect: Connect;
  /** Made anew for each connection. */
  readonly target: () => SocketTarget;
  /** Asked where a connection did not come about and its socket cannot tell why. */
  readonly reason: () => Promise<NovaError | null>;
  /** The orchestrator has answered elsewhere: then a first connection that does not come about is one that broke. */
  readonly hasAnswered?: () => boolean;
  readonly firstDelayMs?: number;
  readonly mostDelayMs?: number;
  /** So long without a word, and the other side is asked whether it is there; so long again, and it is not. */
  readonly silenceMs?: number;
}

interface Subscription {
  readonly filter: EntryFilter;
  readonly subscriber: Subscriber;
  /** Everything up to here has been told; null until the first connection says where things stand. */
  position: number | null;
}

interface Call {
  readonly name: string;
  readonly params: unknown;
  resolve(result: unknown): void;
  reject(error: NovaError): void;
}

const fatalCodes: readonly string[] = ["ACCESS_DENIED", "ACCESS_FORBIDDEN", "NOT_FOUND", "LINK_PROTOCOL"];

/**
 * One connection to `/ws/monitoring` for any number of subscriptions and calls. When it breaks it is made again, and each subscription goes on after
 * the last entry that it was told. A first connection that does not come about is told at once and ends everything, where nothing answered before.
 */
export class Monitoring {
  readonly #options: MonitoringOptions;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #calls = new Map<number, Call>();
  #socket: ClientSocket | null = null;
  /** The hello came: requests may be sent. */
  #greeted = false;
  #wasGreeted = false;
  /** Subscribers were told that the connection broke, and not yet that it is there again. */
  #isBroken = false;
  #over: NovaError | null = null;
  #lastID = 0;
  #delayMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heardAtMs = 0;

  constructor(options: MonitoringOptions) {
    this.#options = options;
    this.#delayMs = options.firstDelayMs ?? 100;
    this.#dial();
  }

  /** Entries that `filter` takes after the position `after`, and what comes; null: from now on. Gives what ends it. */
  subscribe(filter: EntryFilter, after: number | null, subscriber: Subscriber): () => void {
    const id = (this.#lastID += 1);
    const subscription: Subscription = { filter, subscriber, position: after };
    if (this.#over) {
      const error = this.#over;
      queueMicrotask(() => subscriber.ended(error));
      return () => undefined;
    }
    this.#subscriptions.set(id, subscription);
    if (this.#greeted) this.#begin(id, subscription);
    return () => {
      if (this.#subscriptions.delete(id) && this.#greeted) this.#send({ type: "unsubscribe", id });
    };
  }

  /** A call over this connection. Rejects with LINK_LOST when it breaks before the answer: whether it was done is not known then. */
  async call<Name extends APICallName>(name: Name, params: APIParams<Name>): Promise<APIAnswer<Name>> {
    const result = await new Promise<unknown>((resolve, reject) => {
      if (this.#over) return reject(this.#over);
      const id = (this.#lastID += 1);
      this.#calls.set(id, { name, params, resolve, reject });
      if (this.#greeted) this.#send({ type: "call", id, name, params });
    });
    return readAnswer(name, result);
  }

  /** Ends everything; subscribers hear nothing more. */
  close(): void {
    this.#subscriptions.clear();
    this.#end(new NovaError("LINK_LOST", "The connection was closed on this side."));
  }

  #dial(): void {
    let opened = false;
    this.#socket = this.#options.connect(this.#options.target(), {
      opened: () => {
        opened = true;
        this.#watch();
      },
      message: (message) => this.#hear(message),
      closed: (error) => void this.#closed(error, opened),
    });
  }

  #hear(message: string | Uint8Array): void {
    this.#heardAtMs = performance.now();
    let read: MonitoringMessage;
    try {
      const parsed = monitoringMessageSchema.safeParse(JSON.parse(typeof message === "string" ? message : ""));
      if (!parsed.success) throw new Error(parsed.error.issues[0]?.message ?? "it is of another form");
      read = parsed.data;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return this.#end(new NovaError("LINK_PROTOCOL", `The orchestrator sent what cannot be read: ${why}.`, { cause }));
    }
    this.#take(read);
  }

  #take(message: MonitoringMessage): void {
    if (message.type === "hello") return this.#hello(message.protocol, message.position);
    if (message.type === "bye") {
      if (message.reason === "stopping") return;
      const code = message.reason === "access" ? "ACCESS_DENIED" : "LINK_PROTOCOL";
      return this.#end(new NovaError(code, message.message));
    }
    if (message.type === "result" || message.type === "failure") return this.#answered(message);
    const subscription = this.#subscriptions.get(message.id);
    // What was on its way when it was ended.
    if (!subscription) return;
    const { subscriber } = subscription;
    switch (message.type) {
      case "entries":
        subscription.position = message.position;
        return subscriber.entries(message.entries, message.position);
      case "live":
        subscription.position = message.position;
        return subscriber.live(message.position);
      case "gap": {
        subscription.position = message.upTo;
        const { reason, after, upTo, entries } = message;
        return subscriber.gap({ reason, after, upTo, entries });
      }
    }
  }

  #hello(protocol: number, position: number): void {
    if (protocol !== MONITORING_PROTOCOL) {
      return this.#end(
        new NovaError(
          "LINK_PROTOCOL",
          `The orchestrator speaks version ${protocol}, and this is version ${MONITORING_PROTOCOL}.`,
          {
            next: "Use the same release of NovaBot on both sides.",
          },
        ),
      );
    }
    const again = this.#isBroken;
    this.#isBroken = false;
    this.#greeted = true;
    this.#wasGreeted = true;
    this.#delayMs = this.#options.firstDelayMs ?? 100;
    for (const [id, call] of this.#calls) this.#send({ type: "call", id, name: call.name, params: call.params });
    for (const [id, subscription] of this.#subscriptions) {
      if (again) subscription.subscriber.broken(null);
      if (subscription.position !== null && subscription.position > position) {
        const gap: Gap = { reason: "another database", after: subscription.position, upTo: position, entries: null };
        subscription.position = position;
        subscription.subscriber.gap(gap);
      }
      // Named also where the subscriber said none: so a connection that breaks before the first entry leaves no hole.
      subscription.position ??= position;
      this.#begin(id, subscription);
    }
  }

  #begin(id: number, { filter, position }: Subscription): void {
    this.#send({ type: "subscribe", id, filter, ...(position === null ? {} : { after: position }) });
  }

  #answered(message: Extract<MonitoringMessage, { type: "result" | "failure" }>): void {
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if (message.type === "result") return call?.resolve(message.result);
    const { code, message: text, next } = message.error;
    const error = new NovaError(knownCode(code), text, { next });
    if (call) return call.reject(error);
    const subscription = this.#subscriptions.get(message.id);
    this.#subscriptions.delete(message.id);
    subscription?.subscriber.ended(error);
  }

  async #closed(error: NovaError, opened: boolean): Promise<void> {
    const wasGreeted = this.#greeted;
    this.#socket = null;
    this.#greeted = false;
    clearTimeout(this.#timer);
    if (this.#over) return;
    for (const [id, call] of this.#calls) {
      if (!wasGreeted) continue;
      this.#calls.delete(id);
      call.reject(error);
    }
    const told = opened || error.code !== "LINK_LOST" ? error : ((await this.#options.reason()) ?? error);
    if (this.#over) return;
    const isFirst = !this.#wasGreeted && this.#options.hasAnswered?.() !== true;
    if (isFirst || fatalCodes.includes(told.code)) return this.#end(told);
    if (!this.#isBroken) for (const { subscriber } of [...this.#subscriptions.values()]) subscriber.broken(told);
    this.#isBroken = true;
    this.#timer = setTimeout(() => this.#dial(), this.#delayMs * (1 - Math.random() / 2));
    this.#delayMs = Math.min(this.#delayMs * 2, this.#options.mostDelayMs ?? 5000);
  }

  /** A way that died says nothing, and a web page cannot send pings: a small call serves as one. */
  #watch(): void {
    const silenceMs = this.#options.silenceMs ?? 15_000;
    this.#heardAtMs = performance.now();
    let asked = false;
    const look = (): void => {
      if (performance.now() - this.#heardAtMs < silenceMs) asked = false;
      else if (asked || !this.#greeted) return this.#socket?.cut();
      else {
        asked = true;
        this.call("access.me", {}).catch(() => undefined);
      }
      this.#timer = setTimeout(look, silenceMs);
    };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(look, silenceMs);
  }

  #send(request: MonitoringRequest): void {
    this.#socket?.send(JSON.stringify(request));
  }

  #end(error: NovaError): void {
    if (this.#over) return;
    this.#over = error;
    clearTimeout(this.#timer);
    const subscribers = [...this.#subscriptions.values()].map(({ subscriber }) => subscriber);
    const calls = [...this.#calls.values()];
    this.#subscriptions.clear();
    this.#calls.clear();
    this.#socket?.cut();
    for (const call of calls) call.reject(error);
    for (const subscriber of subscribers) subscriber.ended(error);
  }
}
