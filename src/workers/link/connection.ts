import {
  type CallFailure,
  type Hello,
  LINK_PROTOCOL,
  MESSAGE_LIMIT,
  MOST_RECORDS,
  type PeerMessage,
  type WorkerMessage,
  workerMessageSchema,
} from "../../model/link.ts";
import { errorCodes, type ErrorCode, messageOf, NovaError, quote } from "../../model/errors.ts";
import { bootIDSchema } from "../../model/record.ts";
import { FIRST_CREDIT, Intake } from "./intake.ts";
import { isUsualLog } from "./log-records.ts";
import type { Sink } from "./sink.ts";
import type { Dialled } from "./socket.ts";

/** Answers what a worker asks of its collector's history. */
export type AnswerHistory = (name: "logs.get" | "errors.list", params: unknown, from: Hello) => Promise<unknown>;

export interface ConnectionOptions {
  /** Null: an observer, which gets no records by itself. */
  readonly sink: Sink | null;
  readonly history: AnswerHistory | null;
  /** A worker that says nothing for so long is asked something, and after as long again is gone. */
  readonly silenceMs: number;
  readonly helloMs: number;
  /** Bytes of records that may be on their way and wait for the sink; asked again and again. */
  readonly heldBytes?: () => number;
}

type Bye = Extract<WorkerMessage, { readonly type: "bye" }>;

interface Call {
  readonly part: (part: unknown) => Promise<void> | void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: NovaError) => void;
}

/** Bytes of parts and records that nobody has taken yet, beyond which no more is read where the socket can wait. */
const TAKEN_BYTES = 16_777_216;
/** A worker that asks on and takes no answers has so much waiting at most. */
const ANSWER_BYTES = 8_388_608;
/** What a supervisor says of a call. Of anything else, of who may come in or of what is kept here, a worker is not believed. */
const supervisorCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "INSTANCE_INVALID",
  "INSTANCE_NOT_FOUND",
  "INSTANCE_RUNNING",
  "INSTANCE_FAILED",
  "WAIT_TIMEOUT",
  "SUPERVISOR_NOT_RUNNING",
  "SUPERVISOR_FAILED",
  "CALL_INVALID",
  "TERMINAL_FAILED",
  "TERMINAL_NOT_FOUND",
]);

/** One connection to a worker, from its hello to its end. */
export class Connection {
  /** The worker's first message. Rejects when none came. */
  readonly hello: Promise<Hello>;
  /** Resolves with the reason when it is over. */
  readonly ended: Promise<NovaError>;
  /** What the worker said in farewell. */
  bye: Bye["reason"] | null = null;
  /** Something of the sink's was kept. */
  kept = false;
  readonly #dialled: Dialled;
  readonly #options: ConnectionOptions;
  readonly #calls = new Map<number, Call>();
  readonly #timers: { silence: ReturnType<typeof setTimeout> | null } = { silence: null };
  #resolveHello: (hello: Hello) => void = () => {};
  #resolveEnded: (error: NovaError) => void = () => {};
  #greeted: Hello | null = null;
  #intake: Intake | null = null;
  #lastCall = 0;
  #waitingBytes = 0;
  #asking = false;
  #over = false;

  constructor(dialled: Dialled, options: ConnectionOptions) {
    this.#dialled = dialled;
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.hello = new Promise((resolve, reject) => {
      this.#resolveHello = resolve;
      void this.ended.then(reject);
    });
    this.hello.catch(() => {});
    dialled.socket.addEventListener("message", ({ data }) => this.#heard(data));
    dialled.socket.addEventListener("close", () =>
      this.end(new NovaError("LINK_LOST", "the worker hung up, or the way to it broke")),
    );
    dialled.socket.addEventListener("error", () => this.end(new NovaError("LINK_LOST", "the way to the worker broke")));
    this.#listen(options.helloMs);
    dialled.begin();
  }

  /** Rejects with the worker's failure, or with LINK_LOST when the connection ends first. */
  call(name: string, params: unknown, part: Call["part"], signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#over || signal?.aborted)
        return reject(
          new NovaError("LINK_LOST", `the call ${name} was given up, or the connection was over, before it was sent`),
        );
      const id = ++this.#lastCall;
      const cancel = (): void => {
        if (!this.#calls.delete(id)) return;
        this.#send({ type: "cancel", id });
        reject(new NovaError("LINK_LOST", `the call ${name} was given up before its answer came`));
      };
      signal?.addEventListener("abort", cancel, { once: true });
      const done = (): void => signal?.removeEventListener("abort", cancel);
      this.#calls.set(id, {
        part,
        resolve: (result) => (done(), resolve(result)),
        reject: (error) => (done(), reject(error)),
      });
      this.#send({ type: "call", id, name, params });
    });
  }

  /** Hangs up; the first reason given is the one that counts. */
  end(error: NovaError): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timers.silence) clearTimeout(this.#timers.silence);
    for (const call of this.#calls.values()) call.reject(new NovaError("LINK_LOST", error.message, { cause: error }));
    this.#calls.clear();
    this.#dialled.cut();
    void this.#rest(error);
  }

  /** The sink is at rest before anybody connects anew and asks what it has. */
  async #rest(error: NovaError): Promise<void> {
    await this.#intake?.close();
    this.#resolveEnded(error);
  }

  #send(message: PeerMessage): void {
    if (this.#over) return;
    try {
      this.#dialled.socket.send(JSON.stringify(message));
    } catch (error) {
      this.end(new NovaError("LINK_LOST", `the way to the worker broke (${messageOf(error)})`, { cause: error }));
    }
  }

  #heard(data: unknown): void {
    if (this.#over) return;
    try {
      if (typeof data !== "string") throw new NovaError("LINK_PROTOCOL", "the worker sent what is no text");
      if (data.length > MESSAGE_LIMIT) throw new NovaError("LINK_PROTOCOL", "the worker sent a message that is too long");
      const message = parse(data);
      this.#asking = false;
      this.#listen(this.#options.silenceMs);
      if (message.type === "hello") this.#greet(message);
      else if (this.#greeted === null && message.type !== "bye")
        throw new NovaError("LINK_PROTOCOL", `the worker sent ${message.type} before its hello`);
      else this.#take(message, data.length);
    } catch (error) {
      this.end(error instanceof NovaError ? error : new NovaError("LINK_PROTOCOL", messageOf(error), { cause: error }));
    }
  }

  #greet(hello: Hello): void {
    if (this.#greeted !== null) throw new NovaError("LINK_PROTOCOL", "the worker sent a second hello");
    if (hello.protocol !== LINK_PROTOCOL)
      throw new NovaError(
        "LINK_PROTOCOL",
        `the worker speaks version ${hello.protocol} of the protocol, and this side ${LINK_PROTOCOL}`,
      );
    this.#greeted = hello;
    const { sink } = this.#options;
    const welcome = (have: Awaited<ReturnType<Sink["have"]>>, credit: number): void => {
      this.#send({
        type: "welcome",
        protocol: LINK_PROTOCOL,
        role: sink ? "collector" : "observer",
        have: have.slice(-1000),
        credit,
      });
      this.#resolveHello(hello);
    };
    if (!sink) return welcome([], 0);
    sink.have().then(
      (have) => {
        this.#intake = new Intake(sink, hello, have, (message) => this.#send(message), this.#options.heldBytes);
        welcome(have, FIRST_CREDIT);
      },
      (error: unknown) =>
        this.end(new NovaError("LINK_LOST", `what is kept of the worker cannot be told (${messageOf(error)})`, { cause: error })),
    );
  }

  #take(message: Exclude<WorkerMessage, Hello>, bytes: number): void {
    switch (message.type) {
      case "records":
        if (!this.#intake) throw new NovaError("LINK_PROTOCOL", "the worker sent records without being asked for any");
        this.#came(bytes);
        this.#intake.take(message, bytes).then(
          () => {
            this.kept = true;
            this.#came(-bytes);
          },
          (error: unknown) =>
            this.end(new NovaError("LINK_LOST", `records could not be kept (${messageOf(error)})`, { cause: error })),
        );
        return;
      case "more":
        void this.#part(message.id, message.part, bytes);
        return;
      case "result":
        this.#taken(message.id)?.resolve(message.result);
        return;
      case "failure":
        this.#taken(message.id)?.reject(failed(message.error));
        return;
      case "call":
        void this.#answer(message.id, message.name, message.params);
        return;
      case "bye":
        this.bye = message.reason;
        this.end(
          new NovaError(
            message.reason === "protocol" ? "LINK_PROTOCOL" : "LINK_LOST",
            `the worker ended the session (${message.reason}): ${message.message}`,
          ),
        );
    }
  }

  #taken(id: number): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  async #part(id: number, part: unknown, bytes: number): Promise<void> {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#came(bytes);
    try {
      await call.part(part);
    } catch (error) {
      if (this.#calls.delete(id)) {
        this.#send({ type: "cancel", id });
        call.reject(error instanceof NovaError ? error : new NovaError("INTERNAL", messageOf(error), { cause: error }));
      }
    }
    this.#came(-bytes);
  }

  /** Counts what waits to be taken by whoever it is for, and lets the worker wait when it is much. */
  #came(bytes: number): void {
    this.#waitingBytes += bytes;
    if (this.#over) return;
    if (this.#waitingBytes > TAKEN_BYTES) this.#dialled.pause?.();
    else this.#dialled.resume?.();
  }

  async #answer(id: number, name: string, params: unknown): Promise<void> {
    const { history } = this.#options;
    if ((this.#dialled.socket.bufferedAmount ?? 0) > ANSWER_BYTES)
      return this.end(new NovaError("LINK_LOST", "the worker asks on and does not take the answers"));
    const failure = (code: ErrorCode, message: string): void =>
      this.#send({ type: "failure", id, error: { code, message, next: errorCodes[code].next } });
    if (!history || !this.#greeted || (name !== "logs.get" && name !== "errors.list"))
      return failure("CALL_INVALID", `this side does not answer ${quote(name)}`);
    try {
      const result = await history(name, params, this.#greeted);
      const text = JSON.stringify({ type: "result", id, result } satisfies PeerMessage);
      if (text.length * 3 > MESSAGE_LIMIT) failure("CALL_INVALID", "the answer is too long");
      else if (!this.#over) this.#dialled.socket.send(text);
    } catch (error) {
      failure("INTERNAL", messageOf(error));
    }
  }

  /** A web WebSocket does not tell of pings; so a silent worker is asked something that it must answer. */
  #listen(withinMs: number): void {
    if (this.#timers.silence) clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => {
      if (this.#asking || this.#greeted === null)
        return this.end(new NovaError("LINK_LOST", `the worker said nothing for ${withinMs} ms, although it was asked`));
      this.#asking = true;
      this.#listen(withinMs);
      this.call("supervisor.info", {}, () => {}).catch(() => {});
    }, withinMs);
  }
}

function parse(text: string): WorkerMessage {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new NovaError("LINK_PROTOCOL", `the worker sent what is no JSON: ${quote(text)}`);
  }
  const records = recordsOf(json);
  if (records) return records;
  const read = workerMessageSchema.safeParse(json);
  if (read.success) return read.data;
  throw new NovaError("LINK_PROTOCOL", `the worker sent a message that is not as it must be: ${quote(text)}`);
}

/** What holds nothing but lines of the usual form; null: whatever else it is. */
function recordsOf(json: unknown): WorkerMessage | null {
  if (typeof json !== "object" || json === null || Object.keys(json).length !== 3) return null;
  const { type, bootID, records } = json as { readonly type?: unknown; readonly bootID?: unknown; readonly records?: unknown };
  if (type !== "records" || !bootIDSchema.safeParse(bootID).success || !Array.isArray(records)) return null;
  if (records.length < 1 || records.length > MOST_RECORDS || !records.every(isUsualLog)) return null;
  return { type, bootID: bootID as string, records };
}

function failed({ code, message, next }: CallFailure): NovaError {
  return new NovaError(supervisorCodes.has(code) ? (code as ErrorCode) : "INTERNAL", message, { next });
}
