import { createHash, randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { NovaError, messageOf } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import type { VisibleTask } from "../../model/mail.ts";
import type { JobEnd, TaskJob } from "../../model/task.ts";
import type { Home } from "../home/home.ts";
import { systemClock, type Clock } from "./clock.ts";
import { afterClockWentBack, endJob, fire, fireNow, isDue, jobOf } from "./firing.ts";
import { decide, isFinished, keepTask, visibleTask, type Actor, type TaskOperation } from "./operations.ts";
import type { JobOwner, JobQueue } from "./ports.ts";
import { TaskStore } from "./store.ts";
import { withTask, type StoredTask, type TaskState } from "./stored-task.ts";

export interface TasksOptions {
  readonly home: Home;
  /** The registered groups as they are now. */
  readonly groups: () => Promise<readonly Group[]>;
  /** The time zone of schedules that name none. */
  readonly timezone: string;
  /** Null where tasks are looked at and changed only, because no host runs. */
  readonly queue: JobQueue | null;
  readonly logger: Pick<Logger, "warn">;
  readonly clock?: Clock;
}

/** However far away the next time is, the clock is looked at this often: it may jump, and the machine may sleep. */
const lookAgainMs = 30_000;
/** When the disk or the registry is in the way of a look, the next one comes after this. */
const tryAgainMs = 5000;
/** A clock that goes back less than this is being adjusted. */
const backwardsMs = 60_000;
/** Ids of carried out operations that are remembered, of each sender. */
const keptOperations = 500;

/** The scheduled tasks of a home: who may change them, and when they are given to the queue. */
export class Tasks implements JobOwner {
  readonly #options: TasksOptions;
  readonly #clock: Clock;
  readonly #store: TaskStore;
  readonly #listeners = new Set<() => void>();
  /** Jobs that the queue has, for sure. */
  readonly #enqueued = new Set<string>();
  #stopTimer: (() => void) | undefined;
  #lastLook = -Infinity;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #isRunning = false;

  private constructor(options: TasksOptions, store: TaskStore) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#store = store;
  }

  /** Rejects with `HOME_BUSY` when another process keeps the tasks, and with `HOME_INVALID` when they cannot be read. */
  static async open(options: TasksOptions): Promise<Tasks> {
    return new Tasks(options, await TaskStore.open(options.home));
  }

  /**
   * Gives the queue what is due, now and from now on. Resolves when that has been done for the first time; jobs that were under
   * way when the last process ended are given to it again.
   */
  async start(): Promise<void> {
    this.#isRunning = true;
    await this.#look();
  }

  /** Gives no more to the queue, and lets the file go. */
  async close(): Promise<void> {
    this.#isRunning = false;
    this.#stopTimer?.();
    while (this.#looking) await this.#looking;
    await this.#store.close();
  }

  /** Called after every change of what `list` shows; the function that it gives ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The tasks that `actor` may see, the oldest first. */
  list(actor: Actor): readonly VisibleTask[] {
    const all = [...this.#store.state.tasks.values()];
    const seen = actor === "owner" || actor.isMain ? all : all.filter((task) => task.group === actor.folder);
    return seen.map(toVisible);
  }

  /** Throws `TASK_NOT_FOUND`. */
  get(id: string, actor: Actor): VisibleTask {
    return toVisible(visibleTask(this.#store.state, id, actor));
  }

  get timezone(): string {
    return this.#options.timezone;
  }

  /**
   * Carries out what `actor` asks for and gives the task as it stands then, on disk. An operation with an id is carried out
   * once: when it comes again, the task is given as it is, or null when it is gone. Rejects with `TASK_INVALID`,
   * `TASK_NOT_FOUND`, `MAIL_FORBIDDEN` or `GROUP_NOT_FOUND`; then nothing has changed.
   */
  async apply(operation: TaskOperation, actor: Actor, id?: string): Promise<VisibleTask | null> {
    const groups = await this.#options.groups();
    const sender = actor === "owner" ? "" : actor.folder;
    const newID = id === undefined ? randomBytes(6).toString("hex") : hash(`${sender}\0${id}`);
    const task = await this.#change((state) => {
      const known = state.applied.get(sender) ?? [];
      if (id !== undefined && known.includes(id)) {
        return { state, value: state.tasks.get(operation.type === "schedule" ? newID : operation.task) ?? null };
      }
      const { timezone } = this.#options;
      const decided = decide(state, operation, actor, { now: this.#clock.now(), timezone, groups, newID });
      const kept = keepTask(state, decided);
      const applied = id === undefined ? kept.applied : new Map(kept.applied).set(sender, [...known, id].slice(-keptOperations));
      return { state: { ...kept, applied }, value: decided };
    });
    this.#lookSoon();
    return task && toVisible(task);
  }

  /** Gives the queue a job for `id` at once, outside its schedule. Rejects with `TASK_INVALID` while one is under way. */
  async runNow(id: string, actor: Actor): Promise<VisibleTask> {
    if (!this.#options.queue) {
      throw new NovaError("SERVE_NOT_RUNNING", `The task ${id} cannot run: no \`novabot serve\` answers for the home.`);
    }
    const task = await this.#change((state) => {
      const known = visibleTask(state, id, actor);
      const reason = known.job ? "is under way" : isFinished(known) ? `is ${known.status}` : undefined;
      if (reason)
        throw new NovaError("TASK_INVALID", `The task ${id} ${reason}.`, { place: "task", next: "Wait, or schedule a new one." });
      const fired = fireNow(known, this.#clock.now());
      return { state: withTask(state, fired), value: fired };
    });
    await this.#look();
    return toVisible(task);
  }

  /** See `JobOwner`. */
  readonly current = (job: TaskJob): TaskJob | null => {
    const task = this.#store.state.tasks.get(job.task);
    if (!task?.job || task.job.id !== job.id || task.job.calledOff) return null;
    return jobOf(task) ?? null;
  };

  /** The queue's word that a job is over; it may say so again. */
  readonly onJobEnd = async (job: TaskJob, end: JobEnd): Promise<void> => {
    await this.#change((state) => {
      const task = state.tasks.get(job.task);
      const ended = task && endJob(task, job, end, this.#clock.now());
      return { state: ended && ended !== task ? keepTask(state, ended) : state, value: undefined };
    });
    this.#enqueued.delete(job.id);
    this.#lookSoon();
  };

  async #change<T>(change: (state: TaskState) => { readonly state: TaskState; readonly value: T }): Promise<T> {
    const before = this.#store.state;
    const value = await this.#store.change(change);
    if (this.#store.state !== before) for (const listener of this.#listeners) listener();
    return value;
  }

  #lookSoon(): void {
    if (this.#isRunning) void this.#look();
  }

  /** One look after the other; whoever asks while one is going on gets another. Never rejects. */
  async #look(): Promise<void> {
    this.#lookAgain = true;
    this.#looking ??= this.#lookWhileAsked();
    await this.#looking;
  }

  async #lookWhileAsked(): Promise<void> {
    await Promise.resolve();
    let failed = false;
    while (this.#lookAgain && this.#isRunning) {
      this.#lookAgain = false;
      try {
        await this.#lookOnce();
        failed = false;
      } catch (thrown) {
        this.#options.logger.warn({ reason: messageOf(thrown) }, "scheduled tasks wait: they could not be looked at");
        failed = true;
      }
    }
    this.#looking = undefined;
    this.#setTimer(failed ? tryAgainMs : 0);
  }

  async #lookOnce(): Promise<void> {
    const groups = await this.#options.groups();
    const folders = new Set(groups.map((group) => group.folder));
    const now = this.#clock.now();
    const wentBack = now < this.#lastLook - backwardsMs || this.#lastLook === -Infinity;
    this.#lastLook = now;
    const advance = (task: StoredTask): StoredTask => {
      if (!folders.has(task.group)) return this.#withoutGroup(task);
      const current = wentBack ? afterClockWentBack(task, now) : task;
      return isDue(current, now) ? fire(current, now) : current;
    };
    const needed = [...this.#store.state.tasks.values()].some((task) => advance(task) !== task);
    // Kept before the queue has it: whatever happens in between, the queue is asked again for the very same job.
    if (needed) {
      await this.#change((state) => {
        const tasks = new Map(state.tasks);
        for (const [id, task] of tasks) tasks.set(id, advance(task));
        return { state: { ...state, tasks }, value: undefined };
      });
    }
    await Promise.all([...this.#store.state.tasks.values()].map(async (task) => await this.#enqueue(task)));
  }

  /** A task whose group is registered no more waits; a job that the queue never got is dropped. */
  #withoutGroup(task: StoredTask): StoredTask {
    const job = task.job && this.#enqueued.has(task.job.id) ? task.job : null;
    if (task.status === "active") return { ...task, job, status: "paused", nextAt: null, reason: "its group was removed" };
    return job === task.job ? task : { ...task, job };
  }

  async #enqueue(task: StoredTask): Promise<void> {
    const job = jobOf(task);
    if (!job || !this.#options.queue || this.#enqueued.has(job.id)) return;
    this.#enqueued.add(job.id);
    try {
      await this.#options.queue.enqueueJob(job);
    } catch (thrown) {
      this.#enqueued.delete(job.id);
      this.#options.logger.warn(
        { task: task.id, reason: messageOf(thrown) },
        "a scheduled task waits: the queue did not take it",
      );
    }
  }

  #setTimer(atLeastMs: number): void {
    this.#stopTimer?.();
    if (!this.#isRunning) return;
    const now = this.#clock.now();
    let next = now + lookAgainMs;
    for (const { status, job, nextAt } of this.#store.state.tasks.values()) {
      if (status === "active" && !job && nextAt !== null) next = Math.min(next, Date.parse(nextAt));
    }
    this.#stopTimer = this.#clock.setTimer(Math.max(atLeastMs, next - now), () => void this.#look());
  }
}

function toVisible(task: StoredTask): VisibleTask {
  const {
    sessionId: _session,
    anchor: _anchor,
    job: _job,
    firedAt: _firedAt,
    fired: _fired,
    finishedAt: _finishedAt,
    ...visible
  } = task;
  return visible;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
