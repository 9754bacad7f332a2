import type { Identity } from "../identity.ts";
import type { Instances } from "../instances/instances.ts";
import type { Journal } from "../records/journal.ts";
import {
  type Hello,
  LINK_PROTOCOL,
  MESSAGE_LIMIT,
  type PeerMessage,
  peerMessageSchema,
  type WorkerMessage,
} from "../../model/link.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { Dispatch } from "./calls.ts";
import { Desk } from "./desk.ts";
import { Feed } from "./feed.ts";
import { type History, type HistoryAnswers, historySchemas } from "./history.ts";
import { fits, parseMessage } from "./messages.ts";
import type { Pipe } from "./pipe.ts";

type Bye = Extract<WorkerMessage, { readonly type: "bye" }>;
type Welcome = Extract<PeerMessage, { readonly type: "welcome" }>;

/** What a session needs to know of the house. */
export interface SessionContext {
  readonly identity: Identity;
  readonly journal: Journal;
  readonly instances: Instances;
  readonly dispatch: Dispatch;
  /** A collector said welcome: the one before it has to go. */
  readonly onCollector: (session: Session) => void;
  /** The present collector's. */
  readonly history: () => History | null;
  readonly welcomeMs: number;
  readonly historyMs: number;
}

/** One monitoring session on `/ws`: the hello, then whatever the peer's role allows, until either side goes. */
export class Session {
  /** Null before the peer's welcome. */
  role: Welcome["role"] | null = null;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #context: SessionContext;
  readonly #pipe: Pipe;
  readonly #desk: Desk;
  readonly #over = new AbortController();
  readonly #asked = new Map<number, (answer: unknown) => void>();
  #feed: Feed | null = null;
  #lastAsked = 0;

  constructor(pipe: Pipe, context: SessionContext) {
    this.#context = context;
    this.#pipe = pipe;
    this.#desk = new Desk(context.dispatch, pipe, () => (this.role === "collector" ? null : context.history()));
    const waiting = setTimeout(() => {
      if (this.role === null) this.bye("protocol", `no welcome came within ${context.welcomeMs} ms`);
    }, context.welcomeMs);
    this.closed = new Promise((resolve) => pipe.onClose(resolve));
    pipe.onText((text) => this.#take(text));
    pipe.onRefused((why) => this.bye("protocol", why));
    pipe.onDead(() => this.bye("too slow", "nothing came for too long, and nothing was taken"));
    pipe.onClose(() => {
      clearTimeout(waiting);
      this.#over.abort();
      this.#desk.close();
      for (const answer of this.#asked.values()) answer(null);
    });
    pipe.send(helloText(context));
  }

  /** It said its farewell, or is gone. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** The peer's history, to be asked while it collects. */
  readonly history: History = {
    ask: async <Name extends keyof HistoryAnswers>(name: Name, params: unknown): Promise<HistoryAnswers[Name] | null> => {
      if (this.#over.signal.aborted) return null;
      const id = ++this.#lastAsked;
      const answer = await new Promise<unknown>((resolve) => {
        const timer = setTimeout(() => resolve(null), this.#context.historyMs);
        this.#asked.set(id, (given) => {
          clearTimeout(timer);
          resolve(given);
        });
        this.#send({ type: "call", id, name, params });
      });
      this.#asked.delete(id);
      const read = historySchemas[name].safeParse(answer);
      return read.success ? read.data : null;
    },
  };

  /** Resolves when the collector has everything up to `seq` of this boot in its keeping, or is gone. */
  async collected(seq: number): Promise<void> {
    await this.#feed?.acknowledged(seq, this.#over.signal);
  }

  /** Says why and hangs up. */
  bye(reason: Bye["reason"], message: string): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#desk.close();
    this.#send({ type: "bye", reason, message: message.slice(0, 4096) });
    this.#pipe.end();
  }

  #send(message: WorkerMessage): void {
    this.#pipe.send(JSON.stringify(message));
  }

  #take(text: string): void {
    if (this.#over.signal.aborted) return;
    try {
      const message = parseMessage(text, peerMessageSchema);
      if (message.type === "welcome") this.#welcome(message);
      else if (this.role === null) throw new NovaError("LINK_PROTOCOL", `${message.type} came before the welcome`);
      else this.#answer(message);
    } catch (error) {
      this.bye("protocol", messageOf(error));
    }
  }

  #answer(message: Exclude<PeerMessage, Welcome>): void {
    switch (message.type) {
      case "call":
      case "cancel":
        this.#desk.take(message);
        return;
      case "result":
      case "failure":
        if (message.id > this.#lastAsked) throw new NovaError("LINK_PROTOCOL", `the call ${message.id} was never made`);
        // One that was given up meanwhile is nobody's any more.
        this.#asked.get(message.id)?.(message.type === "result" ? message.result : null);
        return;
      case "credit":
      case "ack":
        if (!this.#feed) throw new NovaError("LINK_PROTOCOL", `an observer has nothing to say with ${message.type}`);
        if (message.type === "credit") this.#feed.credit(message.records);
        else this.#feed.acknowledge(message.bootID, message.seq);
    }
  }

  #welcome(welcome: Welcome): void {
    if (this.role !== null) throw new NovaError("LINK_PROTOCOL", "a second welcome came");
    if (welcome.protocol !== LINK_PROTOCOL)
      throw new NovaError(
        "LINK_PROTOCOL",
        `this side speaks version ${LINK_PROTOCOL} of the protocol, the other ${welcome.protocol}`,
      );
    if (welcome.role === "collector") {
      this.#feed = new Feed(this.#context.journal, this.#pipe, welcome.have, welcome.credit);
      this.role = "collector";
      this.#context.onCollector(this);
      this.#feed.run(this.#over.signal).catch((error: unknown) => this.bye("protocol", messageOf(error)));
    } else this.role = "observer";
  }
}

function helloText({ identity, journal, instances }: SessionContext): string {
  const hello = (list: Hello["instances"]): string =>
    JSON.stringify({
      type: "hello",
      protocol: LINK_PROTOCOL,
      version: identity.version,
      worker: identity.worker,
      container: identity.container,
      bootID: identity.bootID,
      bootedAtMs: identity.bootedAtMs,
      lastSeq: journal.lastSeq,
      backlog: journal.backlog().slice(-1000),
      instances: list,
    } satisfies Hello);
  const list = instances.list();
  const whole = hello(list);
  if (fits(whole, MESSAGE_LIMIT)) return whole;
  // Arguments may be as long as the kernel allows; `process.status` tells them whole.
  return hello(list.map((status) => ({ ...status, argv: status.argv.slice(0, 8).map((argument) => argument.slice(0, 64)) })));
}
