import type { APIAnswer, APICallName, APIParams } from "../model/api/calls.ts";
import type { EntryFilter } from "../model/entry.ts";
import { NovaError, quote } from "../model/errors.ts";
import { follow, type FollowPart } from "./follow.ts";
import { Monitoring, type MonitoringOptions } from "./monitoring.ts";
import { askDoor } from "./rest.ts";
import { type Connect, connectByWeb } from "./socket.ts";
import { type OpenTerminal, openTerminal, type TerminalEars, type TerminalQuestion } from "./terminal.ts";

export interface ClientOptions {
  /** `http://127.0.0.1:7780`: of the orchestrator's doors, without a path. */
  readonly url: string;
  /** Sent with every request; a page in a browser has its cookie instead. */
  readonly token?: string;
  readonly fetch?: typeof fetch;
  readonly connect?: Connect;
  readonly monitoring?: Pick<MonitoringOptions, "firstDelayMs" | "mostDelayMs" | "silenceMs">;
}

/** An orchestrator as its clients see it: every call by its name, what happens as it happens, and terminals. */
export interface Client {
  readonly url: string;
  /** Rejects with the door's own error, or ORCHESTRATOR_NOT_RUNNING where none answers. Answers are checked against their schema. */
  call<Name extends APICallName>(name: Name, params: APIParams<Name>, signal?: AbortSignal): Promise<APIAnswer<Name>>;
  /** A connection of its own to `/ws/monitoring`, for several subscriptions and calls. */
  openMonitoring(): Monitoring;
  /** Entries after the position `after` and as they come, over a connection of its own, until the signal; null: from now on. */
  follow(
    filter: EntryFilter,
    options: { readonly after: number | null; readonly signal: AbortSignal },
  ): AsyncGenerator<FollowPart>;
  /** One connection to a worker's terminal. */
  terminal(worker: string, question: TerminalQuestion, ears: TerminalEars, signal: AbortSignal): Promise<OpenTerminal>;
}

export function openClient(options: ClientOptions): Client {
  const { token, connect = connectByWeb } = options;
  const fetched = options.fetch ?? ((...asked: Parameters<typeof fetch>) => fetch(...asked));
  const url = originOf(options.url);
  const headers: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socketOrigin = url.replace(/^http/, "ws");
  let hasAnswered = false;
  const call: Client["call"] = async (name, params, signal) => {
    const answer = await askDoor({ url, headers, fetch: fetched, ...(signal ? { signal } : {}) }, name, params);
    hasAnswered = true;
    return answer;
  };
  /** Why a socket was not let in: the same token is not let in elsewhere either. */
  const reason = async (): Promise<NovaError | null> => {
    try {
      await call("access.me", {});
      return null;
    } catch (error) {
      return error instanceof NovaError ? error : null;
    }
  };
  const openMonitoring = (): Monitoring =>
    new Monitoring({
      ...options.monitoring,
      connect,
      target: () => ({ url: `${socketOrigin}/ws/monitoring`, protocols: [], headers }),
      reason,
      hasAnswered: () => hasAnswered,
    });
  return {
    url,
    call,
    openMonitoring,
    async *follow(filter, how) {
      const monitoring = openMonitoring();
      try {
        yield* follow(monitoring, filter, how);
      } finally {
        monitoring.close();
      }
    },
    terminal: (worker, question, ears, signal) =>
      openTerminal({ connect, origin: socketOrigin, headers, worker, reason }, question, ears, signal),
  };
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.pathname === "/" && url.username === "")
    return url.origin;
  throw new NovaError("USAGE", `${quote(text)} is no address of an orchestrator.`, {
    place: "NOVABOT_URL",
    next: "Give it as http://HOST:PORT or https://HOST:PORT.",
  });
}
