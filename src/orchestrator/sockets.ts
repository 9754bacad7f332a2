import type { Caller } from "../model/api/access.ts";
import { NovaError, quote } from "../model/errors.ts";
import { MONITORING_MESSAGE_LIMIT } from "../model/monitoring.ts";
import { TERMINAL_INPUT_LIMIT, TERMINAL_PROTOCOL } from "../model/terminal-frames.ts";
import type { Access, Asking } from "./access/access.ts";
import { protect } from "./access/headers.ts";
import { isSecure } from "./access/hosts.ts";
import type { MonitoringSession } from "./monitoring/session.ts";
import type { TerminalSocket } from "./ports.ts";
import { problemResponse } from "./rest/problem.ts";
import { readQuestion } from "./terminal/question.ts";
import type { Terminals } from "./terminal/terminals.ts";

/** A WebSocket that may be opened. */
export interface SocketDoor {
  /** The subprotocol that was chosen. */
  readonly protocol: string | null;
  /** Of one message that comes in, in bytes. */
  readonly maxPayload: number;
  open(socket: TerminalSocket): void;
  /** It did not come to be open. */
  abandon(): void;
}

/** The doors that are WebSockets, for whatever makes one of a request: Node's server, or a pair on Workers. */
export interface Sockets {
  /** Whether the request may have a WebSocket; what it gets as an answer otherwise. The signal: whoever asks has gone. */
  upgrade(asking: Asking, signal: AbortSignal): Promise<SocketDoor | Response>;
  /** Says farewell to all, and lets no more in. */
  close(): Promise<void>;
}

/** Serves one socket, from its first message to its last. */
export type SessionOpener = (socket: TerminalSocket, caller: Caller) => Pick<MonitoringSession, "ended" | "end">;

export interface SocketsOptions {
  readonly access: Access;
  readonly terminals: Terminals;
  /** By their whole paths. */
  readonly sessions: Readonly<Record<string, SessionOpener>>;
}

export function createSockets({ access, terminals, sessions }: SocketsOptions): Sockets {
  const open = new Set<ReturnType<SessionOpener>>();

  const sessionDoor = async (asking: Asking, opener: SessionOpener): Promise<SocketDoor> => {
    const caller = await access.admit(asking, "socket");
    asking.admitted?.(caller.name);
    return {
      protocol: null,
      maxPayload: MONITORING_MESSAGE_LIMIT,
      open(socket) {
        const session = opener(socket, caller);
        const ended = access.ended(caller);
        const sendAway = (): void => session.end("access", "The session has ended, or the token was removed.");
        open.add(session);
        ended.addEventListener("abort", sendAway, { once: true });
        if (ended.aborted) sendAway();
        void session.ended.then(() => {
          open.delete(session);
          ended.removeEventListener("abort", sendAway);
        });
      },
      abandon: () => undefined,
    };
  };

  const terminalDoor = async (asking: Asking, url: URL, worker: string, signal: AbortSignal): Promise<SocketDoor> => {
    const { ticket, record, request } = readQuestion(url.searchParams);
    const scope = ticket === null ? null : await access.tickets.redeem(asking, worker, ticket);
    const caller = scope?.caller ?? (await access.admit(asking, "socket"));
    asking.admitted?.(caller.name);
    const protocol = offered(asking.request).includes(TERMINAL_PROTOCOL) ? TERMINAL_PROTOCOL : null;
    const wish = {
      worker,
      caller,
      request: scope?.readonly ? { ...request, readonly: true } : request,
      protocol,
      record: record || scope?.record === true,
    };
    const ready = await terminals.open(wish, signal);
    return {
      protocol,
      maxPayload: TERMINAL_INPUT_LIMIT + 1,
      open: (socket) => ready.serve(socket, access.ended(caller)),
      abandon: () => ready.abandon(),
    };
  };

  return {
    async upgrade(asking, signal) {
      const { request } = asking;
      try {
        access.knock(request);
        const url = new URL(request.url);
        const opener = sessions[url.pathname];
        if (opener) return await sessionDoor(asking, opener);
        const worker = workerIn(url.pathname);
        if (worker !== null) return await terminalDoor(asking, url, worker, signal);
        // Who has no business here is not told what there is.
        await access.admit(asking, "socket");
        throw new NovaError("NOT_FOUND", `There is no WebSocket at ${quote(url.pathname)}.`, {
          next: "There are /ws/monitoring, /rpc, and /api/workers/NAME/terminal.",
        });
      } catch (error) {
        const refusal = problemResponse(error);
        protect(refusal.headers, isSecure(request));
        return refusal;
      }
    },
    async close() {
      for (const session of open) session.end("stopping", "The orchestrator is being stopped.");
      await Promise.all([terminals.close(), ...[...open].map(({ ended }) => ended)]);
    },
  };
}

function offered(request: Request): readonly string[] {
  return (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}

function workerIn(path: string): string | null {
  const name = /^\/api\/workers\/([^/]{1,256})\/terminal$/.exec(path)?.[1];
  try {
    return name === undefined ? null : decodeURIComponent(name);
  } catch {
    return null;
  }
}
