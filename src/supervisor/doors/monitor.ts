import type { WebSocket } from "ws";
import type { History } from "./history.ts";
import { Pipe, type PipeLimits, pipeLimits } from "./pipe.ts";
import { Session, type SessionContext } from "./session.ts";

/** Sessions at once, the collector's among them. */
const SESSIONS = 64;

export interface MonitorLimits {
  readonly pipe: PipeLimits;
  /** From the hello to the peer's welcome. */
  readonly welcomeMs: number;
  /** For the collector's answer to a question about its history. */
  readonly historyMs: number;
}

export const monitorLimits: MonitorLimits = { pipe: pipeLimits, welcomeMs: 10_000, historyMs: 5_000 };

/** All monitoring sessions. One of them collects: the last that said so. */
export class Monitor {
  readonly #sessions = new Set<Session>();
  readonly #context: SessionContext;
  readonly #limits: MonitorLimits;
  #collector: Session | null = null;
  #stopped: string | null = null;

  constructor(
    house: Pick<SessionContext, "identity" | "journal" | "instances" | "dispatch">,
    limits: MonitorLimits = monitorLimits,
  ) {
    this.#limits = limits;
    this.#context = {
      ...house,
      welcomeMs: limits.welcomeMs,
      historyMs: limits.historyMs,
      history: () => this.history(),
      onCollector: (session) => {
        this.#collector?.bye("replaced", "another collector came");
        this.#collector = session;
      },
    };
  }

  accept(socket: WebSocket): void {
    const pipe = new Pipe(socket, this.#limits.pipe);
    const session = new Session(pipe, this.#context);
    this.#sessions.add(session);
    pipe.onClose(() => {
      this.#sessions.delete(session);
      if (this.#collector === session) this.#collector = null;
    });
    if (this.#stopped !== null) session.bye("stopping", this.#stopped);
    else if (this.#sessions.size > SESSIONS) session.bye("protocol", `${SESSIONS} sessions are open already`);
  }

  get linked(): boolean {
    return this.#collector !== null && !this.#collector.isOver;
  }

  history(): History | null {
    return this.#collector?.history ?? null;
  }

  /** Resolves when the collector, where there is one, keeps everything up to `seq` of this boot. */
  async collected(seq: number): Promise<void> {
    await this.#collector?.collected(seq);
  }

  /** Tells all that the supervisor stops; resolves when they have hung up, or were cut off. */
  async stop(why: string): Promise<void> {
    this.#stopped = why;
    await Promise.all(
      [...this.#sessions].map((session) => {
        session.bye("stopping", why);
        return session.closed;
      }),
    );
  }
}
