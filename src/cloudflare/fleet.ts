import { messageOf, NovaError, quote } from "../model/errors.ts";
import type { DoorState } from "../model/kept.ts";
import { HEALTH_ASK_MS } from "../model/link.ts";
import type { Fleet, FoundWorker, TerminalSocket } from "../orchestrator/ports.ts";
import type { Dial } from "../workers/link/socket.ts";
import { terminalConnection } from "../workers/link/terminal.ts";
import type { BoundWorker } from "./environment.ts";
import { hangUp, socketOf } from "./socket.ts";

/** The supervisor knows itself by this name, whatever leads to its port. */
const DOOR = "http://127.0.0.1:8080";
/** Of what a door says that refuses, so much is read, for so long. */
const REFUSAL_CHARACTERS = 16_384;
const REFUSAL_MS = 5000;

export interface BoundFleetOptions {
  readonly workers: readonly BoundWorker[];
  /** The Worker's environment, by names of bindings and secrets. */
  readonly bindings: Readonly<Record<string, unknown>>;
  readonly now?: () => number;
}

/** The workers whose containers this Worker is bound to. They do not come and go: what is there was said when it was deployed. */
export class BoundFleet implements Fleet {
  readonly #workers: ReadonlyMap<string, BoundWorker>;
  readonly #bindings: Readonly<Record<string, unknown>>;
  readonly #now: () => number;

  constructor({ workers, bindings, now = Date.now }: BoundFleetOptions) {
    this.#workers = new Map(workers.map((worker) => [worker.name, worker]));
    this.#bindings = bindings;
    this.#now = now;
  }

  watch(take: (found: readonly FoundWorker[]) => void): void {
    take(
      [...this.#workers.values()].map(({ name, container }) => ({
        worker: name,
        container,
        running: true,
        image: null,
        engine: "cloudflare",
        trouble: null,
        incarnation: "1",
      })),
    );
  }

  dial(worker: string): Dial {
    return async (signal) => {
      const socket = await this.#upgrade(worker, "/ws", [], signal);
      return {
        socket,
        begin: () => socket.accept(),
        cut: () => hangUp(socket),
      };
    };
  }

  async health(worker: string, door: "terminal" | "websocket"): Promise<DoorState> {
    const atMs = this.#now();
    try {
      const answer = await this.#fetch(worker, `/health/${door}`, { signal: AbortSignal.timeout(HEALTH_ASK_MS) });
      if (answer.ok) return { healthy: true, reason: null, atMs };
      return { healthy: false, reason: `it answered ${answer.status}: ${quote(await beginningOf(answer), 500)}`, atMs };
    } catch (error) {
      return { healthy: false, reason: messageOf(error), atMs };
    }
  }

  async terminal(
    worker: string,
    request: Parameters<Fleet["terminal"]>[1],
    protocol: string | null,
    signal: AbortSignal,
  ): Promise<TerminalSocket> {
    const { path } = terminalConnection(request);
    return socketOf(await this.#upgrade(worker, path, protocol === null ? [] : [protocol], signal));
  }

  async #upgrade(worker: string, path: string, protocols: readonly string[], signal: AbortSignal): Promise<WebSocket> {
    const headers = {
      upgrade: "websocket",
      ...(protocols.length === 0 ? {} : { "sec-websocket-protocol": protocols.join(", ") }),
    };
    let answer: Response;
    try {
      answer = await this.#fetch(worker, path, { headers, signal });
    } catch (error) {
      if (error instanceof NovaError) throw error;
      throw new NovaError("LINK_LOST", `the worker ${quote(worker)} does not answer (${messageOf(error)})`, { cause: error });
    }
    if (answer.webSocket) return answer.webSocket;
    throw new NovaError(
      "DOOR_REFUSED",
      `the worker ${quote(worker)} answered ${answer.status}: ${quote(await beginningOf(answer), 500)}`,
    );
  }

  async #fetch(worker: string, path: string, init: RequestInit): Promise<Response> {
    const { binding, token } = this.#boundTo(worker);
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${token}`);
    return await binding.fetch(`${DOOR}${path}`, { ...init, headers });
  }

  #boundTo(worker: string): { readonly binding: Pick<Fetcher, "fetch">; readonly token: string } {
    const bound = this.#workers.get(worker);
    if (!bound) throw new NovaError("WORKER_NOT_FOUND", `there is no worker ${quote(worker)}`);
    const binding = this.#bindings[bound.binding];
    const token = this.#bindings[bound.tokenSecret];
    if (typeof binding !== "object" || binding === null || typeof token !== "string")
      throw new NovaError(
        "CONFIG_INVALID",
        `the worker ${quote(worker)} needs the binding ${quote(bound.binding)} and the secret ${quote(bound.tokenSecret)}`,
        { place: "WORKERS", next: "Mend wrangler.jsonc, or set the secret with `wrangler secret put`." },
      );
    return { binding: binding as Fetcher, token };
  }
}

/** A container may answer without an end. */
async function beginningOf({ body }: Response): Promise<string> {
  if (!body) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const leave = (): Promise<void> => reader.cancel().catch(() => {});
  const late = setTimeout(() => void leave(), REFUSAL_MS);
  let text = "";
  try {
    while (text.length < REFUSAL_CHARACTERS) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The status alone tells enough.
  } finally {
    clearTimeout(late);
    await leave();
  }
  return text;
}
