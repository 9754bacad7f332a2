import type { PeerMessage, WorkerMessage } from "../../model/link.ts";
import { NovaError } from "../../model/errors.ts";
import type { Dispatch } from "./calls.ts";
import type { History } from "./history.ts";
import { answerText, failureOf, fits } from "./messages.ts";

/** Calls of one connection that may be worked on at once; further ones are refused. */
export const CALLS_AT_ONCE = 64;

/** Calls with large answers: of one connection one is worked on at a time, and only when the answers before it are on their way. */
const LARGE: ReadonlySet<string> = new Set(["logs.get", "errors.list"]);

/** Where answers go. */
export interface Outlet {
  send(text: string): void;
  /** Resolves when so little waits to be sent that more may follow; at once when the connection is gone. */
  room(): Promise<void>;
}

type Incoming = Extract<PeerMessage, { readonly type: "call" | "cancel" }>;

/** Answers the calls of one connection, each exactly once, and ends them when it goes. */
export class Desk {
  readonly #dispatch: Dispatch;
  readonly #outlet: Outlet;
  readonly #open = new Map<number, AbortController>();
  readonly #history: () => History | null;
  #large: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(dispatch: Dispatch, outlet: Outlet, history: () => History | null) {
    this.#dispatch = dispatch;
    this.#outlet = outlet;
    this.#history = history;
  }

  /** Throws LINK_PROTOCOL for an id that is in use. */
  take(message: Incoming): void {
    if (message.type === "cancel") {
      this.#open.get(message.id)?.abort();
      return;
    }
    if (this.#open.has(message.id))
      throw new NovaError("LINK_PROTOCOL", `the call ${message.id} is not answered yet, and its number was used again`);
    if (this.#open.size >= CALLS_AT_ONCE) {
      const busy = new NovaError("CALL_INVALID", `${CALLS_AT_ONCE} calls of this connection are being worked on already`, {
        next: "Wait for one of them to be answered, or cancel one.",
      });
      this.#outlet.send(answerText({ type: "failure", id: message.id, error: failureOf(busy) }));
      return;
    }
    const over = new AbortController();
    this.#open.set(message.id, over);
    if (!LARGE.has(message.name)) void this.#answer(message, over.signal);
    else
      this.#large = this.#large.then(async () => {
        await this.#outlet.room();
        await this.#answer(message, over.signal);
      });
  }

  close(): void {
    this.#closed = true;
    for (const over of this.#open.values()) over.abort();
  }

  async #answer({ id, name, params }: Extract<Incoming, { readonly type: "call" }>, signal: AbortSignal): Promise<void> {
    if (this.#closed) return;
    let answer: WorkerMessage & { readonly id: number };
    try {
      const part = async (value: unknown): Promise<void> => {
        if (signal.aborted) return;
        const text = JSON.stringify({ type: "more", id, part: value } satisfies WorkerMessage);
        if (!fits(text)) throw new NovaError("INTERNAL", `a part of the answer to ${name} is too long to be sent`);
        this.#outlet.send(text);
        await this.#outlet.room();
      };
      answer = { type: "result", id, result: await this.#dispatch(name, params, { signal, part, history: this.#history }) };
    } catch (error) {
      answer = { type: "failure", id, error: failureOf(error) };
    }
    this.#open.delete(id);
    if (!this.#closed) this.#outlet.send(answerText(answer));
  }
}
