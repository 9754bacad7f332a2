import { DurableObject } from "cloudflare:workers";
import tables from "#migrations/0000_tables.sql";
import logWords from "#migrations/0001_log-words.sql";
import type { Caller } from "../model/api/access.ts";
import { messageOf, NovaError } from "../model/errors.ts";
import type { ErrorView, ProcessView } from "../model/kept.ts";
import type { Logger } from "../orchestrator/ports.ts";
import { problemResponse } from "../orchestrator/rest/problem.ts";
import { MonitoringCalls } from "../orchestrator/rpc/calls.ts";
import { byteStream } from "../orchestrator/rpc/streams.ts";
import type { HistoryRetention, Retention } from "../store/store.ts";
import { type ControlPlane, openControlPlane } from "./composition.ts";
import type { Environment } from "./environment.ts";
import { socketOf } from "./socket.ts";

const ROUND_MS = 60_000;
/** Its bounds are far away, and D1 counts each row that is looked at. */
const HISTORY_EVERY_MS = 600_000;
const DAY_MS = 86_400_000;
/** Of each worker: a database of D1 holds ten GB in all. */
const RETENTION: Retention = { maxAgeMs: 30 * DAY_MS, maxRows: 1_000_000, maxBytes: 536_870_912 };
const YEAR = { maxAgeMs: 365 * DAY_MS, maxRows: 100_000 };
const HISTORY: HistoryRetention = { runs: YEAR, messages: YEAR, audit: YEAR, terminals: YEAR };

const migrations = [
  { name: "0000_tables", sql: tables },
  { name: "0001_log-words", sql: logWords },
];

const logger: Logger = {
  info: (facts, message) => console.log({ ...facts, message }),
  warn: (facts, message) => console.warn({ ...facts, message }),
  error: (facts, message) => console.error({ ...facts, message }),
};

/**
 * The control plane on Workers. There is one, wherever the Workers run that ask it: it gives all that is kept its one order, and its links to the
 * workers' containers stand here.
 */
export class Orchestrator extends DurableObject<Environment> {
  #plane: ControlPlane | null = null;
  /** By their callers: what one may have under way at once counts wherever it asks from. */
  readonly #calls = new Map<string, MonitoringCalls>();
  readonly #never = new AbortController().signal;
  #historyDueMs = 0;

  constructor(state: DurableObjectState, env: Environment) {
    super(state, env);
    void state.blockConcurrencyWhile(async () => {
      this.#plane = await openControlPlane({ env, storage: state.storage, migrations, bounds: RETENTION, logger });
      await state.storage.setAlarm(Date.now() + ROUND_MS);
    });
  }

  override async fetch(request: Request): Promise<Response> {
    const { app, sockets } = this.#opened();
    const peerAddress = request.headers.get("cf-connecting-ip") ?? "";
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      if (request.body !== null && !request.headers.has("content-length"))
        return problemResponse(
          new NovaError("REQUEST_INVALID", "The request does not say how long its body is.", { place: "Content-Length" }),
        );
      return await app.fetch(request, { peerAddress });
    }
    const door = await sockets.upgrade({ request, peerAddress }, request.signal);
    if (door instanceof Response) return door;
    const { 0: theirs, 1: ours } = new WebSocketPair();
    door.open(socketOf(ours));
    const headers = door.protocol === null ? {} : { "sec-websocket-protocol": door.protocol };
    return new Response(null, { status: 101, webSocket: theirs, headers });
  }

  /** Keeps the links standing where nobody asks, and the database within its bounds. */
  override async alarm(): Promise<void> {
    try {
      const { store } = this.#opened();
      await store.index(this.#never);
      await store.retain(RETENTION, Date.now(), this.#never);
      if (Date.now() < this.#historyDueMs) return;
      await store.retainHistory(HISTORY, Date.now(), this.#never);
      this.#historyDueMs = Date.now() + HISTORY_EVERY_MS;
    } catch (error) {
      logger.error({ reason: messageOf(error) }, "the store was not put in order");
    } finally {
      await this.ctx.storage.setAlarm(Date.now() + ROUND_MS);
    }
  }

  // What the entrypoint asks for its callers.

  async processStatus(caller: Caller, instanceId: unknown, options: unknown): Promise<ProcessView> {
    return await this.#callsOf(caller).processStatus(instanceId, options);
  }

  async errors(caller: Caller, instanceId: unknown, options: unknown): Promise<readonly ErrorView[]> {
    return await this.#callsOf(caller).errors(instanceId, options);
  }

  async logs(caller: Caller, instanceId: unknown, options: unknown): Promise<ReadableStream<Uint8Array>> {
    return byteStream(await this.#callsOf(caller).logs(instanceId, options));
  }

  async startProcess(caller: Caller, instanceId: unknown, options: unknown): Promise<ProcessView> {
    return await this.#callsOf(caller).startProcess(instanceId, options);
  }

  async stopProcess(caller: Caller, instanceId: unknown, options: unknown): Promise<ProcessView> {
    return await this.#callsOf(caller).stopProcess(instanceId, options);
  }

  #callsOf(caller: Caller): MonitoringCalls {
    const key = JSON.stringify([caller.name, caller.role]);
    const calls = this.#calls.get(key) ?? new MonitoringCalls({ ...this.#opened(), logger }, caller, this.#never);
    this.#calls.set(key, calls);
    return calls;
  }

  #opened(): ControlPlane {
    if (this.#plane) return this.#plane;
    throw new NovaError("INTERNAL", "the orchestrator is not open yet");
  }
}
