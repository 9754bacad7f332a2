import { type Caller, mayAct } from "../../model/api/access.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { TerminalSession } from "../../model/kept.ts";
import type { Store } from "../../store/store.ts";
import type { TerminalRequest } from "../../workers/link/terminal.ts";
import type { Links } from "../links.ts";
import type { Fleet, Logger, Recordings, TerminalSocket } from "../ports.ts";
import { Viewing } from "./viewing.ts";

export interface TerminalsOptions {
  readonly fleet: Pick<Fleet, "terminal">;
  readonly links: Pick<Links, "state">;
  readonly store: Pick<Store, "putTerminal" | "putAudit" | "append">;
  readonly recordings: Recordings | null;
  /** Whether every terminal is recorded, asked or not. */
  readonly recordAll: boolean;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface TerminalWish {
  readonly worker: string;
  readonly caller: Caller;
  readonly request: TerminalRequest;
  /** Null: as xterm's attach addon speaks. */
  readonly protocol: string | null;
  readonly record: boolean;
}

/** A terminal of a worker that waits for its viewer. */
export interface ReadyTerminal {
  /** Carries bytes until either goes. The signal hangs up. */
  serve(viewer: TerminalSocket, signal: AbortSignal): void;
  /** The viewer did not come. */
  abandon(): void;
}

/** The way to the workers' terminals, with a row, an event and an audit row for each viewer, and a recording where one is wanted. */
export interface Terminals {
  /** Rejects with ACCESS_FORBIDDEN, WORKER_NOT_FOUND, DOOR_REFUSED, LINK_LOST, and with the store's codes: a terminal that nobody could account for does not open. */
  open(wish: TerminalWish, signal: AbortSignal): Promise<ReadyTerminal>;
  /** Hangs up on all, and resolves when that is kept. */
  close(): Promise<void>;
}

export function createTerminals(options: TerminalsOptions): Terminals {
  const { fleet, links, store, recordings, recordAll, logger, now = Date.now } = options;
  const viewings = new Set<Viewing>();
  let isClosing = false;

  const account = async (wish: TerminalWish, id: string, result: string, recorded: boolean): Promise<void> => {
    const { worker, caller, request } = wish;
    await store.putAudit({
      atMs: now(),
      who: caller.name,
      door: "websocket",
      what: "terminals.open",
      worker,
      container: links.state(worker)?.container ?? null,
      subject: request.session ?? null,
      result,
      facts: { id, instance: request.instance ?? null, readonly: request.readonly ?? false, recorded },
    });
  };

  const connect = async (wish: TerminalWish, signal: AbortSignal): Promise<TerminalSocket> => {
    if (isClosing) throw new NovaError("WORKER_UNREACHABLE", "This house is being closed.", { next: "Start it again first." });
    refuseRole(wish);
    return await fleet.terminal(wish.worker, wish.request, wish.protocol, signal);
  };

  return {
    async open(wish, signal) {
      const { worker, caller, request, protocol } = wish;
      const id = crypto.randomUUID();
      const isRecorded = recordings !== null && (recordAll || wish.record);
      const socket = await connect(wish, signal).catch(async (error: unknown) => {
        const result = error instanceof NovaError ? error.code : "INTERNAL";
        await account(wish, id, result, false).catch((trouble: unknown) =>
          logger.error(
            { worker, reason: messageOf(trouble) },
            "a terminal that did not open could not be put into the audit table",
          ),
        );
        throw error;
      });
      const openedAtMs = now();
      const session: TerminalSession = {
        id,
        worker,
        container: links.state(worker)?.container ?? null,
        session: request.session ?? null,
        instance: request.instance ?? null,
        who: caller.name,
        readonly: request.readonly ?? false,
        openedAtMs,
        endedAtMs: null,
        why: null,
        bytesIn: 0,
        bytesOut: 0,
        recorded: isRecorded,
      };
      try {
        const recording = isRecorded ? await recordings.create(id).catch(refuseUnrecorded) : null;
        const viewing = new Viewing({ socket, session, recording, isFramed: protocol !== null, store, logger, now });
        viewings.add(viewing);
        void viewing.ended.then(() => viewings.delete(viewing));
        try {
          await account(wish, id, "done", isRecorded);
          await viewing.begin();
        } catch (error) {
          viewing.abandon();
          throw error;
        }
        return viewing;
      } catch (error) {
        socket.close(1001, "");
        throw error;
      }
    },
    async close() {
      isClosing = true;
      for (const viewing of viewings) viewing.end(1001, "the house is being closed");
      await Promise.all([...viewings].map(({ ended }) => ended));
    },
  };
}

function refuseUnrecorded(cause: unknown): never {
  throw new NovaError("TERMINAL_FAILED", `The terminal cannot be recorded: ${messageOf(cause)}.`, {
    next: "See that the home's disk has room, and that data/host/recordings can be written.",
    cause,
  });
}

/** Looking at a terminal that is there is a viewer's right; opening one, typing, and having it recorded, which in the end takes others' room, is an operator's. */
function refuseRole({ caller, request, worker, record }: TerminalWish): void {
  const onlyLooks = request.readonly === true && request.session !== undefined && !record;
  if (mayAct(caller.role, onlyLooks ? "viewer" : "operator")) return;
  throw new NovaError(
    "ACCESS_FORBIDDEN",
    `The token ${quote(caller.name)} has the role ${caller.role}, which opens and records no terminal of the worker ${quote(worker)}.`,
    { next: "Use a token with the role operator, or look at an open terminal: `?readonly=1&session=…`." },
  );
}
