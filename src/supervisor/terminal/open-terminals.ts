import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { NovaError, quote } from "../../model/errors.ts";
import type { WorkerEvent } from "../../model/record.ts";
import { TERMINAL_PROTOCOL } from "../../model/terminal-frames.ts";
import { Attention } from "./attention.ts";
import { readRequest, type TerminalRequest } from "./request.ts";
import { Session } from "./session.ts";
import type { Terminals } from "./terminals.ts";
import { Turns } from "./turns.ts";
import { refuseConnection, Viewer } from "./viewer.ts";

export interface TerminalsOptions {
  /** The container's, without what is the supervisor's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Where a terminal opens that is not an instance's: the working directory by default. */
  readonly directory?: string;
  /** Environment and directory of an instance. Throws INSTANCE_NOT_FOUND. */
  readonly place: (instance: string) => { readonly env: Readonly<Record<string, string>>; readonly directory: string };
  /** The container's user's own by default, as a login shell. */
  readonly shell?: { readonly file: string; readonly args: readonly string[] };
  readonly onEvent: (event: Extract<WorkerEvent, { type: "terminal" }>) => void;
  /** A sentence for the supervisor's own log. */
  readonly tell: (message: string) => void;
  /** 64 by default. */
  readonly limit?: number;
  /** A session that nobody looks at is there for so long: 5 minutes by default. */
  readonly graceMs?: number;
  /** A session without a byte in either direction ends after so long: 8 hours by default. */
  readonly idleMs?: number;
  /** Between SIGHUP and SIGKILL: 2 seconds by default. */
  readonly hangUpMs?: number;
}

/** Asked for whether terminals open, also when there are as many as there may be. */
const PROBES = 4;
const usualSize = { columns: 80, rows: 24 };

export function openTerminals(options: TerminalsOptions): Terminals {
  const { limit = 64, graceMs = 300_000, idleMs = 28_800_000, hangUpMs = 2000 } = options;
  const sessions = new Map<string, Session>();
  const probes = new Set<Session>();
  const turns = new Turns();
  const attention = new Attention();
  const here = { env: options.env, directory: options.directory ?? process.cwd() };
  let isClosed = false;

  const open = (request: TerminalRequest): Session => {
    if (isClosed) throw new NovaError("TERMINAL_FAILED", "no terminal opens any more: the supervisor is stopping");
    if (request.isProbe ? probes.size >= PROBES : sessions.size - probes.size >= limit) {
      throw new NovaError("TERMINAL_FAILED", `there are ${limit} terminals already, which is the limit`, {
        next: "Close one of them, then try again.",
      });
    }
    const place = request.instance === null ? here : options.place(request.instance);
    const { file, args } = options.shell ?? { file: loginShell(place.env), args: ["-l"] };
    const id = randomUUID();
    const spec = {
      file,
      args,
      env: { ...place.env, TERM: "xterm-256color", COLORTERM: "truecolor", SHELL: file },
      directory: place.directory,
      ...(request.size ?? usualSize),
    };
    const session = new Session(spec, {
      id,
      graceMs,
      idleMs,
      hangUpMs,
      turns,
      // What asks for its health does not type.
      attention: request.isProbe ? new Attention() : attention,
      tell: options.tell,
      onEnd: (exit) => {
        if (!request.isProbe) options.onEvent({ type: "terminal", session: id, what: "ended", exitCode: exit.exitCode });
      },
      onForgotten: () => {
        sessions.delete(id);
        probes.delete(session);
      },
    });
    sessions.set(id, session);
    if (request.isProbe) probes.add(session);
    else options.onEvent({ type: "terminal", session: id, what: "opened", exitCode: null });
    return session;
  };

  return {
    connect(socket, { url }) {
      const isFramed = socket.protocol === TERMINAL_PROTOCOL;
      try {
        const request = readRequest(url ?? "");
        const known = request.session === null ? undefined : sessions.get(request.session);
        if (request.session !== null && known === undefined) {
          throw new NovaError("TERMINAL_NOT_FOUND", `There is no terminal session ${quote(request.session.slice(0, 64))}.`);
        }
        const session = known ?? open(request);
        const viewer = new Viewer(socket, isFramed, request.isReadonly, {
          onFrame: (frame) => session.take(viewer, frame),
          onRoom: () => session.makeRoom(viewer),
          onGone: (isClean) => session.remove(viewer, isClean),
        });
        session.add(viewer, request.offset, known === undefined, request.size);
      } catch (error) {
        socket.on("error", () => socket.terminate());
        refuseConnection(socket, isFramed, error);
      }
    },
    get sessions() {
      return [...sessions.values()].map(({ id, viewers, pid }) => ({ id, viewers: viewers.size, pid }));
    },
    async close() {
      isClosed = true;
      const all = [...sessions.values()];
      await Promise.all(all.map(async (session) => await session.end("closed")));
      for (const session of all) session.forget();
    },
  };
}

function loginShell(env: Readonly<Record<string, string>>): string {
  let shell: string | null = null;
  try {
    ({ shell } = userInfo());
  } catch {
    // A container's user need not be in its list of users.
  }
  const isNone = shell === null || shell === "" || /\/(?:nologin|false)$/.test(shell);
  return isNone ? (env["SHELL"] ?? "/bin/sh") : (shell ?? "/bin/sh");
}
