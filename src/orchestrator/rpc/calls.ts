import type { Caller } from "../../model/api/access.ts";
import type { APIAnswer, APICallName, APIParams } from "../../model/api/calls.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { ErrorView, ProcessView } from "../../model/kept.ts";
import type { Logger } from "../ports.ts";
import { follow, type FollowedPart, type FollowSource } from "../rest/follow.ts";
import { failureOf, isForeseen } from "./failure.ts";
import type { LogParts } from "./streams.ts";

export interface RPCSource extends FollowSource {
  readonly logger: Logger;
  /** How long a followed log is quiet before it says that it is live. */
  readonly quietMs?: number;
}

/** Of one caller at once, so that nobody fills the house with questions. */
const CALLS = 64;
const STREAMS = 64;
const QUIET_MS = 15_000;

/** What `ContainerMonitoringOps` does, wherever it stands, for one caller. Takes whatever came over the wire; rejects with what `failureOf` makes. */
export class MonitoringCalls {
  readonly #source: RPCSource;
  readonly #caller: Caller;
  /** The caller has gone, or may not be here any more. */
  readonly #over: AbortSignal;
  /** Of streams: resolves when there is room for more on the way to the caller. */
  readonly #room: () => Promise<void>;
  #calls = 0;
  #streams = 0;

  constructor(source: RPCSource, caller: Caller, over: AbortSignal, room: () => Promise<void> = () => Promise.resolve()) {
    this.#source = source;
    this.#caller = caller;
    this.#over = over;
    this.#room = room;
  }

  async processStatus(instanceId: unknown, options: unknown): Promise<ProcessView> {
    return await this.#call("process.status", instanceId, options);
  }

  async errors(instanceId: unknown, options: unknown): Promise<readonly ErrorView[]> {
    const { errors } = await this.#call("errors.get", instanceId, options);
    return errors;
  }

  async startProcess(instanceId: unknown, options: unknown): Promise<ProcessView> {
    return await this.#call("process.start", instanceId, options);
  }

  async stopProcess(instanceId: unknown, options: unknown): Promise<ProcessView> {
    return await this.#call("process.stop", instanceId, options);
  }

  async logs(instanceId: unknown, options: unknown): Promise<LogParts> {
    return await this.#counted(async () => {
      if (this.#streams >= STREAMS)
        throw new NovaError("REQUEST_INVALID", `a session has ${STREAMS} streams at most`, { next: "Cancel one of them first." });
      const { follow: follows = false, ...params } = paramsOf(instanceId, options);
      if (typeof follows !== "boolean")
        throw new NovaError("REQUEST_INVALID", "follow must be true or false", { place: "follow" });
      const hangUp = new AbortController();
      const signal = AbortSignal.any([hangUp.signal, this.#over]);
      this.#streams += 1;
      const end = (): void => void (this.#streams -= 1);
      try {
        const parts = follows
          ? await follow(this.#source, "logs.get", params, this.#caller, signal)
          : await this.#kept(params, signal);
        signal.addEventListener("abort", end, { once: true });
        const { logger, quietMs = QUIET_MS } = this.#source;
        return { parts, signal, hangUp: () => hangUp.abort(), logger, quietMs, room: this.#room };
      } catch (error) {
        end();
        throw error;
      }
    });
  }

  /** Without a limit all pages from where it was asked on, each read when it is wanted. */
  async #kept(params: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<AsyncIterable<FollowedPart>> {
    const by = { caller: this.#caller, door: "rpc", signal } as const;
    const { operations } = this.#source;
    const page = async (after?: number): Promise<APIAnswer<"logs.get">> =>
      (await operations.callUnknown(
        "logs.get",
        after === undefined ? params : { ...params, after },
        by,
      )) as APIAnswer<"logs.get">;
    const first = await page();
    const goesOn = params["after"] !== undefined && params["limit"] === undefined;
    return (async function* () {
      let now = first;
      for (;;) {
        if (now.items.length > 0) yield { kind: "entries", entries: now.items, position: now.last } as const;
        if (!goesOn || !now.more || now.last === null || signal.aborted) return;
        now = await page(now.last);
      }
    })();
  }

  async #call<Name extends APICallName>(name: Name, instanceId: unknown, options: unknown): Promise<APIAnswer<Name>> {
    return await this.#counted(async () => {
      const params = paramsOf(instanceId, options) as unknown as APIParams<Name>;
      return await this.#source.operations.call(name, params, { caller: this.#caller, door: "rpc", signal: this.#over });
    });
  }

  async #counted<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    this.#calls += 1;
    try {
      if (this.#calls > CALLS)
        throw new NovaError("REQUEST_INVALID", `a session has ${CALLS} calls under way at most`, { next: "Wait for answers." });
      return await call();
    } catch (error) {
      if (!isForeseen(error)) this.#source.logger.error({ reason: messageOf(error) }, "a call over RPC failed");
      throw failureOf(error);
    } finally {
      this.#calls -= 1;
    }
  }
}

/** As the calls' schemas check them. What is undefined was left out. Throws REQUEST_INVALID. */
function paramsOf(instanceId: unknown, options: unknown): Readonly<Record<string, unknown>> {
  // A stub of the caller's own is a function here, and nothing is asked of it.
  if (options !== undefined && options !== null && (typeof options !== "object" || Array.isArray(options)))
    throw new NovaError("REQUEST_INVALID", "the options are no object", { place: "options" });
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), instanceId };
}
