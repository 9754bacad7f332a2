import { performance } from "node:perf_hooks";
import type { InstanceSpec, InstanceState, InstanceStatus } from "../../model/instance.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { Alarm } from "./alarm.ts";
import { belongings } from "./belongings.ts";
import { endProcesses, signalProcess } from "./end-processes.ts";
import { instanceEnvironment } from "./environment.ts";
import { Grace } from "./grace.ts";
import { watchHealth } from "./health.ts";
import { MARKER_VARIABLE, writeMarker } from "./marker.ts";
import type { OpenOutput } from "./output.ts";
import type { ProbePlace } from "./probe.ts";
import type { ProcessEntry, ProcessID } from "./processes.ts";
import { Restarts, type Verdict } from "./restarts.ts";
import { type End, lastLines, type LiveProcess, startProcess } from "./spawn.ts";

/** What is left of an instance that crashed gets so long at most before the next start. */
const LEFTOVER_GRACE_MS = 2_000;
/** A program that cannot even be started is not tried again faster than this, whatever its policy says. */
const EXEC_DELAY_MS = 100;

/** What an instance needs of the house around it. */
export interface Surroundings {
  readonly bootID: string;
  /** As `containerEnvironment` gives it. */
  readonly env: Readonly<Record<string, string>>;
  readonly openOutput: OpenOutput;
  /** Called after each change of its status. */
  readonly changed: (instance: Instance) => void;
  /** What it waits for before it starts, as the end of "waits for"; null when nothing. */
  readonly waitsFor: (spec: InstanceSpec) => string | null;
  readonly tell: (message: string) => void;
  readonly random: () => number;
}

type StateFields = Partial<
  Pick<InstanceStatus, "ready" | "pid" | "startedAtMs" | "exitCode" | "signal" | "crashLoop" | "nextStartAtMs">
>;
/** What an earlier supervisor left of an instance is being ended; the first start waits for that. */
export interface Predecessor {
  readonly leader: ProcessID | null;
  readonly grace: Grace;
  readonly isGone: Promise<void>;
}

/** What no longer holds when its process is gone. */
const gone = { ready: false, pid: null, startedAtMs: null } as const;

interface Waiter {
  readonly resolve: (status: InstanceStatus) => void;
  readonly reject: (error: NovaError) => void;
}

/**
 * The life of one instance: one loop from start to end to next start, and three wishes (start, stop, restart) that it looks at wherever it waits. There is
 * one process at most, and none is started before all of the one before it is gone.
 */
export class Instance {
  #spec: InstanceSpec;
  readonly #around: Surroundings;
  readonly #restarts: Restarts;
  #status: InstanceStatus;

  /** What it shall be; and whether somebody wants a new process, whatever the present one does. */
  #wish: "run" | "stop" = "stop";
  #isRenewed = false;
  #stopGraceMs: number | null = null;

  #isAlive = false;
  #live: LiveProcess | null = null;
  #end: End | null = null;
  #starts = 0;
  /** The ending that is going on, which a stop in a hurry cuts short. */
  #grace: Grace | null = null;
  readonly #alarm = new Alarm();
  #lastEnd = "";
  #nextStartMs = 0;
  #startError: NovaError | null = null;
  #starters: Waiter[] = [];
  #stoppers: Waiter[] = [];
  #predecessor: Predecessor | null;

  constructor(spec: InstanceSpec, around: Surroundings, predecessor: Predecessor | null = null) {
    this.#spec = spec;
    this.#around = around;
    this.#restarts = new Restarts(around.random);
    this.#predecessor = predecessor;
    void predecessor?.isGone.then(() => {
      this.#predecessor = null;
    });
    this.#status = firstStatus(spec);
  }

  get spec(): InstanceSpec {
    return this.#spec;
  }

  get status(): InstanceStatus {
    return this.#status;
  }

  /** The process that leads what runs of it now. */
  get process(): ProcessID | null {
    return (this.#live?.traits ?? this.#predecessor)?.leader ?? null;
  }

  /** Nothing of it runs, and nothing will before somebody starts it. */
  get isSettled(): boolean {
    return !this.#isAlive;
  }

  /** It runs, or is about to: a start would be one too many. */
  get isUp(): boolean {
    const { state } = this.#status;
    return this.#wish === "run" && (this.#isRenewed || state === "starting" || state === "running");
  }

  /** Resolves when its process has been started, or waits for others. */
  start(spec: InstanceSpec): Promise<InstanceStatus> {
    this.#spec = spec;
    return this.#renew();
  }

  restart(): Promise<InstanceStatus> {
    return this.#renew();
  }

  /** Starts it as after a crash: a failure is met by its policy. */
  resume(): void {
    this.#wish = "run";
    this.#go();
  }

  /** Resolves when nothing of it runs any more. */
  stop(graceMs: number = this.#spec.stopGraceMs): Promise<InstanceStatus> {
    this.#wish = "stop";
    this.#isRenewed = false;
    this.#stopGraceMs = graceMs;
    for (const starter of this.#starters.splice(0)) starter.reject(this.#failure("was stopped before it was started"));
    if (!this.#isAlive) {
      if (this.#status.state !== "stopped") this.#set("stopped", "was stopped after it had crashed", { crashLoop: false });
      return Promise.resolve(this.#status);
    }
    this.#grace?.shorten(graceMs);
    this.#alarm.ring();
    return new Promise((resolve, reject) => this.#stoppers.push({ resolve, reject }));
  }

  /** Something that it may wait for has changed. */
  look(): void {
    if (this.#status.state === "starting") this.#alarm.ring();
  }

  #renew(): Promise<InstanceStatus> {
    this.#wish = "run";
    this.#isRenewed = true;
    const started = new Promise<InstanceStatus>((resolve, reject) => this.#starters.push({ resolve, reject }));
    this.#alarm.ring();
    this.#go();
    return started;
  }

  #go(): void {
    if (this.#isAlive) return;
    this.#isAlive = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      // Nothing of it runs here.
      if (this.#isRenewed) {
        this.#isRenewed = false;
        if (this.#stoppers.length > 0) this.#set("stopped", "was stopped, to be started again", { ...gone, nextStartAtMs: null });
        this.#answer(this.#stoppers);
        this.#restarts.reset();
        this.#status = { ...this.#status, restarts: 0, crashLoop: false };
      }
      if (!(await this.#prepare())) {
        if (this.#isRenewed) continue;
        this.#settle("stopped", "was stopped before it was started");
        return;
      }
      const verdict = await this.#once();
      if (this.#isRenewed) continue;
      if (this.#wish === "stop" || verdict.kind === "done") {
        this.#settle("stopped", this.#wish === "stop" ? `was stopped; ${this.#lastEnd}` : `ended by itself; ${this.#lastEnd}`);
        return;
      }
      if (verdict.kind === "given up") {
        this.#settle("crashed", `${this.#lastEnd}; ${verdict.why}`, { crashLoop: verdict.crashLoop });
        return;
      }
      for (let leftMs = this.#leftMs; leftMs > 0 && !this.#isDisturbed; leftMs = this.#leftMs) await this.#alarm.pause(leftMs);
      if (this.#isRenewed) continue;
      if (this.#isDisturbed) {
        this.#settle("stopped", `was stopped while it waited for its restart; ${this.#lastEnd}`);
        return;
      }
      this.#status = { ...this.#status, restarts: this.#status.restarts + 1 };
    }
  }

  /** False when a wish came between. */
  async #prepare(): Promise<boolean> {
    this.#set("starting", this.#status.restarts === 0 ? "is being started" : "is being started again", {
      ...gone,
      nextStartAtMs: null,
    });
    if (this.#predecessor !== null) {
      this.#grace = this.#predecessor.grace;
      await this.#predecessor.isGone;
      this.#grace = null;
    }
    for (;;) {
      if (this.#isDisturbed) return false;
      const others = this.#around.waitsFor(this.#spec);
      if (others === null) return true;
      const why = `waits for ${others}`;
      if (this.#status.why !== why) this.#set("starting", why);
      this.#answer(this.#starters);
      await this.#alarm.pause(null);
    }
  }

  /** One process, from its start until all that belongs to it is gone. Says what shall follow if nobody wishes otherwise. */
  async #once(): Promise<Verdict> {
    const spec = this.#spec;
    const marker = { bootID: this.#around.bootID, instance: spec.id, start: (this.#starts += 1) };
    const env = instanceEnvironment(this.#around.env, spec);
    this.#end = null;
    let live: LiveProcess;
    try {
      live = await startProcess(spec, env, marker, this.#around.openOutput, (end) => {
        this.#end = end;
        this.#alarm.ring();
        this.#grace?.wake();
      });
    } catch (thrown) {
      return this.#notStarted(thrown as NovaError);
    }
    this.#live = live;
    this.#startError = null;
    const place = { env: { ...env, [MARKER_VARIABLE]: writeMarker(marker) }, directory: spec.directory };
    const failure = await this.#accompany(live, spec, place);

    const isByItself = this.#end !== null;
    let isTold = false;
    if (!isByItself) {
      const why = failure ?? (this.#wish === "stop" ? "is being stopped" : "is being restarted");
      this.#set("stopping", why, { ready: false });
      this.#grace = new Grace(this.#wish === "stop" ? (this.#stopGraceMs ?? spec.stopGraceMs) : spec.stopGraceMs);
      isTold = true;
      signalProcess(-live.pid, "SIGTERM");
      // One that is held still would not notice.
      signalProcess(-live.pid, "SIGCONT");
      while (this.#end === null && !this.#grace.isOver) await this.#grace.pause(this.#grace.leftMs);
    }
    return await this.#clear(live, spec, { failure, isByItself, isTold });
  }

  /** Until it ends or shall end. Gives the reason when its health is one. */
  async #accompany(live: LiveProcess, spec: InstanceSpec, place: ProbePlace): Promise<string | null> {
    let failure: string | null = null;
    const isReady = spec.readiness === null;
    this.#set("running", isReady ? "runs" : "runs, and is not ready yet", {
      ready: isReady,
      pid: live.pid,
      startedAtMs: live.startedAtMs,
    });
    this.#answer(this.#starters);
    const endWatch = watchHealth(spec, place, {
      ready: (ready, why) => this.#set("running", why, { ready }),
      failed: (why) => {
        failure = why;
        this.#alarm.ring();
      },
    });
    const healthy = setTimeout(() => {
      if (this.#status.crashLoop) this.#set("running", "runs, and has for a while", { crashLoop: false });
    }, spec.restart.healthyAfterMs);
    while (this.#end === null && failure === null && !this.#isDisturbed) await this.#alarm.pause(null);
    clearTimeout(healthy);
    endWatch();
    return failure;
  }

  /** Ends what is left of it and waits for its last lines. */
  async #clear(live: LiveProcess, spec: InstanceSpec, how: Ending): Promise<Verdict> {
    const early = how.isByItself ? this.#judge(live, spec, how) : null;
    const find = (): readonly ProcessEntry[] => belongings(live.traits);
    if (find().length > 0) {
      this.#grace ??= new Grace(this.#wish === "stop" ? (this.#stopGraceMs ?? 0) : Math.min(spec.stopGraceMs, LEFTOVER_GRACE_MS));
      const isTold = (one: ProcessEntry): boolean => how.isTold && one.group === live.pid;
      const { beyondReach } = await endProcesses(find, this.#grace, (pids) => this.#tellStubborn(pids), isTold);
      if (beyondReach.length > 0) {
        this.#around.tell(
          `Processes ${beyondReach.join(", ")} of ${quote(spec.id)} belong to another user and could not be ended.`,
        );
      }
    }
    while (this.#end === null) await this.#alarm.pause(null);
    this.#grace = null;
    await lastLines(live.output);
    this.#live = null;
    return early ?? this.#judge(live, spec, how);
  }

  /** What follows on its end, and the state that shows it. */
  #judge(live: LiveProcess, spec: InstanceSpec, { failure, isByItself }: Ending): Verdict {
    const { exitCode, signal } = this.#end ?? { exitCode: null, signal: null };
    const how = signal === null ? `ended with status ${exitCode}` : `was ended by ${signal}`;
    const hint =
      signal === "SIGKILL" && isByItself ? ", which came from outside: perhaps the container has too little memory" : "";
    this.#status = { ...this.#status, exitCode, signal };
    this.#lastEnd = failure === null ? how : `${failure}; ${how}`;
    this.#lastEnd += hint;
    if (this.#isDisturbed) return { kind: "done" };
    const nowMs = performance.now();
    const failed = failure !== null || exitCode !== 0;
    const verdict = this.#restarts.afterEnd(spec.restart, { failed, ranMs: nowMs - live.startedMs, nowMs });
    if (verdict.kind === "restart") this.#setCrashed(verdict, verdict.delayMs, nowMs);
    else this.#set("stopping", this.#lastEnd, gone);
    return verdict;
  }

  /** The caller of a start is told of its failure and decides; after a crash or a boot nobody is there to decide, and the policy does. */
  #notStarted(error: NovaError): Verdict {
    this.#lastEnd = error.message.replace(/\.$/, "");
    this.#startError = error;
    if (this.#isDisturbed) return { kind: "done" };
    if (this.#starters.length > 0) return { kind: "given up", why: "who started it was told", crashLoop: false };
    const nowMs = performance.now();
    const verdict = this.#restarts.afterEnd(this.#spec.restart, { failed: true, ranMs: null, nowMs });
    if (verdict.kind === "restart") this.#setCrashed(verdict, Math.max(verdict.delayMs, EXEC_DELAY_MS), nowMs);
    return verdict;
  }

  #setCrashed({ crashLoop }: { readonly crashLoop: boolean }, delayMs: number, nowMs: number): void {
    this.#nextStartMs = nowMs + delayMs;
    const then = delayMs === 0 ? "is started again at once" : `is started again in ${delayMs / 1000} s`;
    this.#set("crashed", `${this.#lastEnd}; ${crashLoop ? "crash loop: " : ""}${then}`, {
      ...gone,
      crashLoop,
      nextStartAtMs: Date.now() + delayMs,
    });
  }

  /** The end of a life: nothing runs, nothing waits. */
  #settle(state: "stopped" | "crashed", why: string, fields: StateFields = { crashLoop: false }): void {
    this.#isAlive = false;
    this.#wish = "stop";
    this.#set(state, why, { ...gone, nextStartAtMs: null, ...fields });
    this.#answer(this.#stoppers);
    const error = this.#startError ?? this.#failure(why);
    this.#startError = null;
    for (const starter of this.#starters.splice(0)) starter.reject(error);
  }

  #tellStubborn(pids: readonly number[]): void {
    const what = `processes ${pids.join(", ")} do not end although they were killed`;
    this.#set(this.#status.state, what);
    for (const stopper of this.#stoppers.splice(0)) stopper.reject(this.#failure(`was not stopped: ${what}`));
  }

  get #leftMs(): number {
    return this.#nextStartMs - performance.now();
  }

  /** A wish has come that ends what is going on. */
  get #isDisturbed(): boolean {
    return this.#wish === "stop" || this.#isRenewed;
  }

  #failure(what: string): NovaError {
    return new NovaError("INSTANCE_FAILED", `${quote(this.#spec.id)} ${what}.`, { place: this.#spec.id });
  }

  #answer(waiters: Waiter[]): void {
    for (const waiter of waiters.splice(0)) waiter.resolve(this.#status);
  }

  #set(state: InstanceState, why: string, fields: StateFields = {}): void {
    const sinceMs = state === this.#status.state ? this.#status.sinceMs : Date.now();
    const { port, argv } = this.#spec;
    this.#status = { ...this.#status, ...fields, state, sinceMs, why: why.slice(0, 4096), port, argv };
    this.#around.changed(this);
  }
}

interface Ending {
  readonly failure: string | null;
  readonly isByItself: boolean;
  /** Its group got SIGTERM already; some programs take a second one as an order to end at once. */
  readonly isTold: boolean;
}

function firstStatus({ id, port, argv }: InstanceSpec): InstanceStatus {
  return {
    id,
    state: "stopped",
    ...gone,
    sinceMs: Date.now(),
    exitCode: null,
    signal: null,
    restarts: 0,
    crashLoop: false,
    nextStartAtMs: null,
    why: "was not started yet",
    port,
    argv,
  };
}
