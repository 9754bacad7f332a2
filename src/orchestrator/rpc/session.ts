import { RpcSession, type RpcTransport } from "capnweb";
import type { Caller } from "../../model/api/access.ts";
import { NovaError } from "../../model/errors.ts";
import { Outbox } from "../monitoring/outbox.ts";
import type { MonitoringSession } from "../monitoring/session.ts";
import type { TerminalMessage, TerminalSocket } from "../ports.ts";
import { MonitoringCalls, type RPCSource } from "./calls.ts";
import { ContainerMonitoringOps } from "./rpc-target.ts";

/** Messages that came and were not looked at yet, before the caller is asked to wait. */
const WAITING = 256;
/** Answers and streams that a caller holds; each is kept until it lets go of it. */
const HELD = 4096;
/** Counting them takes a while, so that it is done once for so many messages. */
const COUNTED_EVERY = 256;

/** Speaks Cap'n Web with one client over `/rpc`, from its first message until either side goes. The socket's door has let the caller in. */
export function openRPC(socket: TerminalSocket, source: RPCSource, caller: Caller): Pick<MonitoringSession, "ended" | "end"> {
  const over = new AbortController();
  const transport = new SocketTransport(socket, over);
  const main = new ContainerMonitoringOps(new MonitoringCalls(source, caller, over.signal, () => transport.room()));
  const session = new RpcSession(transport, main, {
    onSendError(error) {
      // Its own messages are told; where in this house they were made is not.
      delete error.stack;
      return error;
    },
  });
  transport.held = () => session.getStats().exports;
  return {
    ended: new Promise((resolve) => over.signal.addEventListener("abort", () => resolve(), { once: true })),
    end: (reason, message) => transport.end(reason === "stopping" ? 1001 : 1008, message),
  };
}

class SocketTransport implements RpcTransport {
  /** How many things the session keeps for the other side. */
  held: () => number = () => 0;
  readonly #socket: TerminalSocket;
  readonly #over: AbortController;
  readonly #outbox: Outbox;
  readonly #came: string[] = [];
  #wake: () => void = () => undefined;
  #heardSince = 0;

  constructor(socket: TerminalSocket, over: AbortController) {
    this.#socket = socket;
    this.#over = over;
    this.#outbox = new Outbox(socket);
    socket.listen({
      message: (message) => this.#heard(message),
      drained: () => this.#outbox.drained(),
      closed: () => this.#ended(),
    });
  }

  /** Cap'n Web's own window grows with what a client acknowledges; what waits here does not. */
  async room(): Promise<void> {
    await this.#outbox.room();
  }

  async send(message: string): Promise<void> {
    this.#outbox.send(message);
  }

  /** Who does not read its answers is asked nothing more. Rejects when the connection is over. */
  async receive(): Promise<string> {
    for (;;) {
      await this.#outbox.room();
      if (this.#over.signal.aborted) throw new NovaError("LINK_LOST", "the connection is over");
      const message = this.#came.shift();
      if (message !== undefined) {
        this.#heardSince += 1;
        if (this.#heardSince % COUNTED_EVERY === 0 && this.held() > HELD) {
          this.end(1008, "too much is held by this session");
          continue;
        }
        if (this.#came.length < WAITING / 2) this.#outbox.release();
        return message;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  abort(): void {
    this.end(1008, "the session did not keep to the protocol");
  }

  end(code: number, reason: string): void {
    if (this.#over.signal.aborted) return;
    this.#ended();
    this.#socket.close(code, reason);
  }

  #heard(message: TerminalMessage): void {
    if (this.#over.signal.aborted) return;
    if (typeof message !== "string") return this.end(1003, "Cap'n Web's messages are text");
    this.#came.push(message);
    if (this.#came.length >= WAITING) this.#outbox.hold();
    this.#wake();
  }

  #ended(): void {
    this.#over.abort();
    this.#outbox.close();
    this.#wake();
  }
}
