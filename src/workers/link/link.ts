import type { Hello } from "../../model/link.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { RecordBatch } from "../../model/record.ts";
import type { CallParams, CallResult, WorkerCallName } from "../../model/worker-calls.ts";
import { callResultSchemas, recordBatchSchema } from "../../model/worker-results.ts";
import { type AnswerHistory, Connection } from "./connection.ts";
import { pause } from "./pause.ts";
import type { Sink } from "./sink.ts";
import type { Dial } from "./socket.ts";

export type LinkState =
  | { readonly kind: "connecting" }
  | { readonly kind: "linked"; readonly hello: Hello }
  /** It broke, or did not come about, and is tried again. */
  | { readonly kind: "waiting"; readonly error: NovaError; readonly nextInMs: number }
  /** For good: by `close`, or because another collector came (`error`). */
  | { readonly kind: "closed"; readonly error: NovaError | null };

export interface LinkOptions {
  readonly dial: Dial;
  /** Takes the worker's records; without one the link only asks and follows. */
  readonly sink?: Sink;
  readonly history?: AnswerHistory;
  readonly onState?: (state: LinkState) => void;
  /** Of the first attempt after a failure; doubles up to the most, each time with up to half of it taken off. */
  readonly firstDelayMs?: number;
  readonly mostDelayMs?: number;
  readonly silenceMs?: number;
  readonly helloMs?: number;
  /** Bytes of records that may be on their way and wait for the sink, where many links share the room. */
  readonly heldBytes?: () => number;
  readonly random?: () => number;
}

export interface CallOptions {
  /** For the connection and the answer together; null: as long as it takes. When left out, a minute more than the call itself may take. */
  readonly timeoutMs?: number | null;
  readonly signal?: AbortSignal;
}

export interface WorkerLink {
  readonly state: LinkState;
  /** Waits for the connection where there is none. Rejects with the worker's failure, with DOOR_REFUSED, LINK_LOST or WAIT_TIMEOUT; a call that was sent is never sent again. */
  call<Name extends Exclude<WorkerCallName, "records.follow">>(
    name: Name,
    params: CallParams<Name>,
    options?: CallOptions,
  ): Promise<CallResult<Name>>;
  /** Records as they come, until the signal; goes on where it was when the connection broke, and with the first record of a new boot. */
  follow(
    params: CallParams<"records.follow">,
    take: (batch: RecordBatch) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<void>;
  close(): Promise<void>;
}

const CALL_MS = 60_000;
/** A link that held for so long begins anew with the first delay. */
const HEALTHY_MS = 5_000;

/** Keeps a connection to a worker, connecting anew as often as it breaks. */
export function openLink(options: LinkOptions): WorkerLink {
  return new Link(options);
}

class Link implements WorkerLink {
  state: LinkState = { kind: "connecting" };
  readonly #options: LinkOptions;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  #connection: Connection | null = null;
  /** Why there was no connection the last time, until there is one. */
  #lastError: NovaError | null = null;
  #waiting: (() => void)[] = [];

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async call<Name extends Exclude<WorkerCallName, "records.follow">>(
    name: Name,
    params: CallParams<Name>,
    { timeoutMs = usualMs(params), signal }: CallOptions = {},
  ): Promise<CallResult<Name>> {
    const late = new AbortController();
    const timer = timeoutMs === null ? null : setTimeout(() => late.abort(), timeoutMs);
    const over = AbortSignal.any([late.signal, this.#over.signal, ...(signal ? [signal] : [])]);
    try {
      const connection = await this.#linked(over);
      const answer = await connection.call(name, params, () => {}, over);
      const read = callResultSchemas[name].safeParse(answer);
      if (read.success) return read.data;
      throw new NovaError(
        "LINK_PROTOCOL",
        `the worker's answer to ${name} is not as it must be: ${read.error.issues[0]?.message}`,
      );
    } catch (error) {
      if (!late.signal.aborted) throw error;
      throw new NovaError("WAIT_TIMEOUT", `the worker did not answer ${name} within ${timeoutMs} ms${this.#trouble()}`, {
        cause: error,
      });
    } finally {
      if (timer) clearTimeout(timer);
    }
  }

  async follow(
    params: CallParams<"records.follow">,
    take: (batch: RecordBatch) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<void> {
    const over = AbortSignal.any([signal, this.#over.signal]);
    let bootID: string | null = null;
    let after = params.afterSeq;
    // One part after the other, whatever the order in which they become ready.
    let taking: Promise<void> = Promise.resolve();
    while (!over.aborted) {
      try {
        const connection = await this.#linked(over);
        const hello = await connection.hello;
        if (bootID !== null && bootID !== hello.bootID) after = 0;
        bootID = hello.bootID;
        after ??= hello.lastSeq;
        const part = (value: unknown): Promise<void> => {
          const batch = recordBatchSchema.parse(value);
          taking = taking.then(async () => {
            await take(batch);
            after = Math.max(after ?? 0, batch.records.at(-1)?.seq ?? 0);
          });
          return taking;
        };
        await connection.call("records.follow", { ...params, afterSeq: after }, part, over);
        throw new NovaError("LINK_PROTOCOL", "the worker ended what it was to go on with until it is told to stop");
      } catch (error) {
        if (over.aborted) break;
        if (!(error instanceof NovaError && error.code === "LINK_LOST")) throw error;
      }
      await taking;
    }
    await taking;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { firstDelayMs = 200, mostDelayMs = 15_000, random = Math.random } = this.#options;
    let delayMs = firstDelayMs;
    while (!this.#over.signal.aborted) {
      this.#set({ kind: "connecting" });
      const startedAtMs = performance.now();
      const { error, replaced, kept } = await this.#connect();
      if (this.#over.signal.aborted) break;
      // Whoever was replaced and came back would replace the other in turn, for ever.
      if (replaced) {
        this.#set({ kind: "closed", error });
        this.#over.abort();
        return;
      }
      if (kept || performance.now() - startedAtMs > HEALTHY_MS) delayMs = firstDelayMs;
      const nextInMs = delayMs * (1 - random() / 2);
      delayMs = Math.min(delayMs * 2, mostDelayMs);
      this.#set({ kind: "waiting", error, nextInMs });
      await pause(nextInMs, this.#over.signal);
    }
    this.#set({ kind: "closed", error: null });
  }

  /** Resolves when the connection is over, or did not come about. */
  async #connect(): Promise<{ readonly error: NovaError; readonly replaced: boolean; readonly kept: boolean }> {
    const { dial, sink = null, history = null, silenceMs = 15_000, helloMs = 10_000, heldBytes } = this.#options;
    let connection: Connection;
    try {
      const dialled = await dial(this.#over.signal);
      connection = new Connection(dialled, { sink, history, silenceMs, helloMs, ...(heldBytes ? { heldBytes } : {}) });
    } catch (error) {
      const reason = error instanceof NovaError ? error : new NovaError("LINK_LOST", messageOf(error), { cause: error });
      return { error: reason, replaced: false, kept: false };
    }
    // Before its hello as well: it would go on as the collector, and stand in the way of whoever comes next.
    const giveUp = (): void => connection.end(new NovaError("LINK_LOST", "this side closed the link"));
    this.#over.signal.addEventListener("abort", giveUp, { once: true });
    if (this.#over.signal.aborted) giveUp();
    connection.hello.then(
      (hello) => {
        if (this.#over.signal.aborted) return;
        this.#connection = connection;
        this.#set({ kind: "linked", hello });
      },
      () => {},
    );
    const error = await connection.ended;
    this.#over.signal.removeEventListener("abort", giveUp);
    this.#connection = null;
    return { error, replaced: connection.bye === "replaced", kept: connection.kept };
  }

  async #linked(signal: AbortSignal): Promise<Connection> {
    while (!signal.aborted && this.state.kind !== "closed") {
      if (this.#connection) return this.#connection;
      // A door that refuses will not think better of it while somebody waits.
      if (this.state.kind === "waiting" && this.state.error.code === "DOOR_REFUSED") throw this.state.error;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    throw new NovaError("LINK_LOST", `there is no connection to the worker${this.#trouble()}`);
  }

  #trouble(): string {
    return this.#lastError === null ? "" : ` (${this.#lastError.message})`;
  }

  #set(state: LinkState): void {
    this.state = state;
    if (state.kind === "linked") this.#lastError = null;
    else if ("error" in state && state.error) this.#lastError = state.error;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    this.#options.onState?.(state);
  }
}

function usualMs(params: object): number {
  const ownMs = "timeoutMs" in params ? params.timeoutMs : "graceMs" in params ? params.graceMs : 0;
  return CALL_MS + (typeof ownMs === "number" ? ownMs : 0);
}
