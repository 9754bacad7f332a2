import { connect, type Socket } from "node:net";
import type * as z from "zod";
import { type ErrorCode, errorCodes, messageOf, NovaError, quote } from "../../model/errors.ts";
import { MESSAGE_LIMIT, type PeerMessage, workerMessageSchema } from "../../model/link.ts";
import type { RecordBatch } from "../../model/record.ts";
import type { CallParams, CallResult, WorkerCallName } from "../../model/worker-calls.ts";
import { callResultSchemas, recordBatchSchema } from "../../model/worker-results.ts";

/** What the supervisor is asked over its unix socket: one JSON message a line. */
export interface Connection {
  /** Rejects with the supervisor's own error, or with LINK_LOST when it went away before it answered. */
  call<Name extends WorkerCallName>(name: Name, params: CallParams<Name>): Promise<CallResult<Name>>;
  /** Hands over batch after batch, the next one when the last was dealt with. Rejects when the supervisor goes away or refuses, or as `take` does. */
  follow(params: CallParams<"records.follow">, take: (batch: RecordBatch) => Promise<void>): Promise<void>;
  close(): void;
}

interface Waiting {
  readonly take: ((part: unknown) => Promise<void>) | null;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Rejects with SUPERVISOR_NOT_RUNNING when nobody listens on `socketPath`. */
export async function openConnection(socketPath: string): Promise<Connection> {
  const socket = connect(socketPath);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", (error) => reject(unreachable(socketPath, error)));
  });
  socket.removeAllListeners("error");
  return new LineConnection(socket);
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): NovaError {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new NovaError("SUPERVISOR_NOT_RUNNING", "The supervisor of this container belongs to another user.", {
      place: socketPath,
      next: "Run this command as the user who started the supervisor, or name another socket in NOVABOT_SUPERVISOR_SOCKET.",
      cause: error,
    });
  }
  return new NovaError("SUPERVISOR_NOT_RUNNING", "No supervisor answers in this container.", { place: socketPath, cause: error });
}

class LineConnection implements Connection {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextID = 1;
  #ended: NovaError | null = null;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lines: string[] = [];
  #busy = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#end(lost(messageOf(error))));
    socket.on("close", () => this.#end(lost("it hung up")));
  }

  async call<Name extends WorkerCallName>(name: Name, params: CallParams<Name>): Promise<CallResult<Name>> {
    return read(callResultSchemas[name], await this.#ask(name, params, null), name);
  }

  async follow(params: CallParams<"records.follow">, take: (batch: RecordBatch) => Promise<void>): Promise<void> {
    await this.#ask("records.follow", params, (part) => take(read(recordBatchSchema, part, "records.follow")));
  }

  close(): void {
    this.#end(lost("this side hung up"));
  }

  #ask(name: string, params: unknown, take: Waiting["take"]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const id = this.#nextID++;
      this.#waiting.set(id, { take, resolve, reject });
      this.#socket.write(`${JSON.stringify({ type: "call", id, name, params } satisfies PeerMessage)}\n`);
    });
  }

  #read(chunk: Buffer): void {
    let begin = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, begin);
      const piece = chunk.subarray(begin, end === -1 ? chunk.length : end);
      this.#pending.push(piece);
      this.#pendingBytes += piece.length;
      if (this.#pendingBytes > MESSAGE_LIMIT) return this.#end(broken(`a message longer than ${MESSAGE_LIMIT} bytes came`));
      if (end === -1) break;
      this.#lines.push(Buffer.concat(this.#pending).toString("utf8"));
      this.#pending = [];
      this.#pendingBytes = 0;
      begin = end + 1;
    }
    void this.#deal();
  }

  /** One message after the other; nothing more is read while one of them is being dealt with. */
  async #deal(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#socket.pause();
    try {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        await this.#take(line);
      }
    } catch (error) {
      this.#end(error instanceof NovaError ? error : broken(messageOf(error)));
    }
    this.#busy = false;
    if (!this.#ended) this.#socket.resume();
  }

  async #take(line: string): Promise<void> {
    const message = read(workerMessageSchema, parse(line), "a message");
    if (message.type !== "more" && message.type !== "result" && message.type !== "failure")
      throw broken(`a message ${quote(message.type)} came, which is of no use here`);
    // Number 0 is no call's: the connection itself is refused.
    if (message.type === "failure" && message.id === 0) throw failed(message.error);
    const waiting = this.#waiting.get(message.id);
    if (!waiting) throw broken(`an answer to call ${message.id} came, which was not made`);
    if (message.type === "more") {
      if (!waiting.take) throw broken("a part came of an answer that has none");
      try {
        await waiting.take(message.part);
      } catch (error) {
        this.#waiting.delete(message.id);
        waiting.reject(error instanceof Error ? error : new Error(messageOf(error)));
      }
      return;
    }
    this.#waiting.delete(message.id);
    if (message.type === "result") waiting.resolve(message.result);
    else waiting.reject(failed(message.error));
  }

  #end(error: NovaError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#socket.destroy();
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw broken(`a line is no JSON: ${quote(line)}`);
  }
}

function read<Type>(schema: z.ZodType<Type>, value: unknown, what: string): Type {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw broken(`${what} is not as it must be: ${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? ""}`);
}

function failed(error: { readonly code: string; readonly message: string; readonly next: string }): NovaError {
  const code: ErrorCode = Object.hasOwn(errorCodes, error.code) ? (error.code as ErrorCode) : "INTERNAL";
  return new NovaError(code, error.message, { next: error.next });
}

function lost(why: string): NovaError {
  return new NovaError("LINK_LOST", `The supervisor went away before it answered: ${why}.`, {
    next: "See whether it runs and what became of the call (`cli-tools process list`) before repeating it.",
  });
}

function broken(what: string): NovaError {
  return new NovaError("LINK_PROTOCOL", `The supervisor's answer cannot be read: ${what}.`, {
    next: "See that the supervisor and this command are of the same release of NovaBot.",
  });
}
