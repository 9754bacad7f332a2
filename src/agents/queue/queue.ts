import type { Logger } from "pino";
import { NovaError, quote } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { incomingMessageSchema, type IncomingMessage, type OutgoingMessage } from "../../model/message.ts";
import type { TaskJob } from "../../model/task.ts";
import type { JobOwner, JobQueue } from "../tasks/ports.ts";
import type { Chats, Outbox } from "./chats.ts";
import { growing, realClock, type Clock } from "./clock.ts";
import { followUps, nextGroup, nextItems, pauseEnd } from "./dispatch.ts";
import { endAttempt, isOver, type AttemptEnd } from "./ending.ts";
import type { QueueEvent } from "./events.ts";
import { Journal, type JournalFile } from "./journal.ts";
import { LiveAttempt, type AttemptResult, type Found, type RunDoor } from "./live-attempt.ts";
import { itemKey, queueRecordSchema, type Failure, type Item, type QueueRecord } from "./records.ts";
import { Sender } from "./sender.ts";
import { QueueState } from "./state.ts";

export interface QueueOptions {
  /** A directory of the queue's own, which no other process uses meanwhile. */
  readonly directory: string;
  readonly runs: RunDoor;
  readonly chats: Chats;
  /** The registered groups as they stand. */
  readonly groups: () => Promise<readonly Group[]>;
  /** The session that a group's next run goes on in. */
  readonly session: (group: Group) => Promise<string | undefined>;
  /** How many groups are at work at the same time. */
  readonly slots: number;
  readonly logger: Logger;
  readonly onEvent?: (event: QueueEvent) => void;
  readonly clock?: Clock;
  /** The pause in milliseconds before an item is tried again, by how often it was tried. */
  readonly runBackoff?: (tries: number) => number;
  /** The same for messages to chats. */
  readonly sendBackoff?: (tries: number) => number;
  readonly compactBytes?: number;
  readonly openFile?: (path: string, isNew: boolean) => Promise<JournalFile>;
}

export interface QueueStatus {
  readonly groups: readonly {
    readonly group: string;
    readonly waiting: number;
    /** ISO 8601 in UTC; null when it is not in a pause after a failure. */
    readonly retryAt: string | null;
    /** Why it is in a pause; null when it is not, or when that was before this start. */
    readonly reason: string | null;
    readonly live: {
      readonly run: string | null;
      readonly since: string;
      readonly messages: number;
      readonly task: string | null;
    } | null;
  }[];
  /** Messages that are to be sent. */
  readonly outbox: number;
  /** Chats that could not be sent to the last time. */
  readonly unreachable: readonly {
    readonly chatJid: string;
    readonly waiting: number;
    readonly tries: number;
    readonly reason: string;
    /** ISO 8601 in UTC. */
    readonly retryAt: string;
  }[];
  /** The newest failures, the newest last. */
  readonly failures: readonly Failure[];
  readonly journalBytes: number;
}

/** While the disk takes nothing, what happened is offered to it again at this pace. */
const diskPauseMs = 1000;
const tellPause = growing(1000, 60_000, () => 0.5);

/**
 * Takes messages and tasks in, has them answered by their groups' agents, and sends what comes out. What it acknowledged it
 * neither loses nor doubles, however its process ends.
 */
export class Queue implements JobQueue, Outbox {
  readonly #options: QueueOptions;
  readonly #clock: Clock;
  readonly #state: QueueState;
  readonly #journal: Journal<QueueRecord>;
  readonly #sender: Sender;
  readonly #runBackoff: (tries: number) => number;
  readonly #live = new Map<string, LiveAttempt>();
  readonly #settling = new Set<Promise<void>>();
  /** Why a group's last run failed. */
  readonly #reasons = new Map<string, string>();
  readonly #served = new Map<string, number>();
  /** Deliveries on their way to the disk, by what makes them the same. */
  readonly #arriving = new Map<string, Promise<void>>();
  /** The end of the last delivery's look at the registry. */
  #lookup: Promise<void> = Promise.resolve();
  readonly #telling = new Set<string>();
  readonly #timers = new Set<() => void>();
  #jobs: JobOwner | null = null;
  #callOffRetry: (() => void) | null = null;
  #seq: number;
  #attempt: number;
  #serving = 0;
  #phase: "idle" | "open" | "closing" | "closed" = "idle";

  private constructor(options: QueueOptions, state: QueueState, journal: Journal<QueueRecord>) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#state = state;
    this.#journal = journal;
    this.#seq = state.nextSeq;
    this.#attempt = state.nextAttempt;
    this.#runBackoff = options.runBackoff ?? growing(5000, 300_000);
    this.#sender = new Sender({
      chats: options.chats,
      clock: this.#clock,
      outbox: state.outbox,
      onSent: async (id) => await this.#keep({ type: "sent", id }),
      onGivenUp: async (messages, reason) => await this.#giveUp(messages, reason),
      backoff: options.sendBackoff ?? growing(1000, 300_000),
      onEvent: (event) => this.#tell(event),
    });
  }

  /** Reads the journal and settles what a crash cut short. Nothing runs and nothing is sent before `start`. */
  static async open(options: QueueOptions): Promise<Queue> {
    const state = new QueueState();
    const journal = await Journal.open<QueueRecord>({
      directory: options.directory,
      parse: (value) => queueRecordSchema.parse(value),
      apply: (record) => state.apply(record),
      snapshot: () => state.snapshot(),
      ...(options.compactBytes === undefined ? {} : { compactBytes: options.compactBytes }),
      ...(options.openFile ? { openFile: options.openFile } : {}),
      onTrouble: (thrown) => options.logger.error({ err: thrown }, "The queue's journal could not be compacted"),
    });
    try {
      const queue = new Queue(options, state, journal);
      const groups = state.attempts.size ? await options.groups() : [];
      for (const attempt of state.attempts.keys()) {
        await journal.append(queue.#endOf(attempt, { how: "interrupted", killed: true }, groups));
      }
      return queue;
    } catch (thrown) {
      await journal.close();
      throw thrown;
    }
  }

  /** Begins to run and to send. `jobs` is told of each job's end, also of those that came before. */
  start(jobs?: JobOwner): void {
    this.#jobs = jobs ?? null;
    this.#phase = "open";
    this.#dispatch();
    this.#sender.kick();
    this.#tellEnds();
  }

  /**
   * Takes a chat's message in; resolves when it is safe on the disk. `accepted` is false when its chat and id were delivered
   * before. Rejects with `MESSAGE_INVALID`, naming the field, or with `GROUP_NOT_FOUND`.
   */
  async deliver(value: unknown): Promise<{ readonly accepted: boolean; readonly group: string }> {
    this.#refuseWhenClosing();
    const message = checkMessage(value);
    const group = (await this.#groupsInOrder()).find(({ jid }) => jid === message.chatJid);
    if (!group) {
      throw new NovaError("GROUP_NOT_FOUND", `No group belongs to the chat ${quote(message.chatJid)}.`, {
        place: "chatJid",
        next: `Add it with \`novabot groups add ${message.chatJid} --folder FOLDER --name NAME\`.`,
      });
    }
    if (!this.#live.has(group.folder)) this.#options.runs.expect?.();
    const accepted = await this.#arrive(itemKey({ message }), (seq) => ({ seq, group: group.folder, kind: "message", message }));
    return { accepted, group: group.folder };
  }

  async enqueueJob(job: TaskJob): Promise<void> {
    this.#refuseWhenClosing();
    await this.#arrive(itemKey({ job }), (seq) => ({ seq, group: job.group, kind: "job", job }));
  }

  async post(outgoing: OutgoingMessage): Promise<void> {
    this.#refuseWhenClosing();
    if (this.#state.knowsOutgoing(outgoing.id)) return;
    await this.#journal.append({ type: "posted", outgoing });
    this.#sender.kick();
  }

  /** Stops the run with this id, or that of this group's folder, and waits until it is over; gives what was stopped. */
  async cancel(name: string): Promise<{ readonly group: string; readonly run: string | null }[]> {
    const found = [...this.#live.values()].filter(({ folder, run }) => folder === name || run === name);
    const stopped = found.map((attempt) => ({ group: attempt.folder, run: attempt.run }));
    for (const attempt of found) attempt.abort("cancel");
    while (found.some((attempt) => this.#live.get(attempt.folder) === attempt)) {
      await Promise.race([...this.#settling]);
    }
    return stopped;
  }

  status(): QueueStatus {
    const folders = new Set([...this.#state.waiting.keys(), ...this.#live.keys()]);
    return {
      groups: [...folders].toSorted().map((group) => {
        const live = this.#live.get(group);
        const retryAt = pauseEnd(this.#state, group, this.#clock.now());
        return {
          group,
          waiting: this.#state.waiting.get(group)?.length ?? 0,
          retryAt: retryAt > 0 ? new Date(retryAt).toISOString() : null,
          reason: retryAt > 0 ? (this.#reasons.get(group) ?? null) : null,
          live: live
            ? { run: live.run, since: new Date(live.startedAt).toISOString(), messages: live.messages, task: live.task }
            : null,
        };
      }),
      outbox: [...this.#state.outbox.values()].reduce((sum, messages) => sum + messages.length, 0),
      unreachable: [...this.#sender.failing].flatMap(([chatJid, { tries, reason, retryAt }]) => {
        const waiting = this.#state.outbox.get(chatJid)?.length ?? 0;
        return waiting ? [{ chatJid, waiting, tries, reason, retryAt: new Date(retryAt).toISOString() }] : [];
      }),
      failures: this.#state.failures,
      journalBytes: this.#journal.bytes,
    };
  }

  /** The run that goes on for a group's folder; null when none does. */
  runOf(folder: string): string | null {
    return this.#live.get(folder)?.run ?? null;
  }

  /** Whether something is on its way to this chat. */
  isSending(chatJid: string): boolean {
    return this.#state.outbox.has(chatJid);
  }

  /**
   * Takes nothing more and begins nothing more. Runs that go on are waited for, or stopped when `cancelRuns` says so: what they
   * had not answered is pending again at the next start.
   */
  async close(options: { readonly cancelRuns: boolean }): Promise<void> {
    if (this.#phase === "closed") return;
    this.#phase = "closing";
    this.#callOffRetry?.();
    if (options.cancelRuns) this.stopRuns();
    while (this.#settling.size) await Promise.all(this.#settling);
    await this.#sender.close();
    this.#phase = "closed";
    for (const callOff of this.#timers) callOff();
    await this.#journal.close();
  }

  /** Stops the runs that a `close` waits for. */
  stopRuns(): void {
    if (this.#phase === "closing") for (const attempt of this.#live.values()) attempt.abort("shutdown");
  }

  #refuseWhenClosing(): void {
    if (this.#phase !== "closing" && this.#phase !== "closed") return;
    throw new NovaError("SERVE_NOT_RUNNING", "NovaBot is being stopped and takes nothing more.");
  }

  /** The registered groups, to those who ask in the order in which they asked: messages that come together keep their order. */
  async #groupsInOrder(): Promise<readonly Group[]> {
    const before = this.#lookup;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lookup = promise;
    try {
      return await this.#options.groups();
    } finally {
      await before;
      resolve();
    }
  }

  /** Keeps an item whose key is new; false when it is known. Whoever comes with the same meanwhile waits for the first. */
  async #arrive(key: string, make: (seq: number) => Item): Promise<boolean> {
    const before = this.#arriving.get(key);
    if (before) {
      await before;
      return false;
    }
    if (this.#state.knows(key)) return false;
    const item = make(this.#seq++);
    const arriving = this.#journal.append({ type: "item", item });
    this.#arriving.set(key, arriving);
    try {
      await arriving;
    } finally {
      this.#arriving.delete(key);
    }
    if (item.kind === "message") this.#tell({ kind: "arrived", group: item.group, message: item.message });
    const live = this.#live.get(item.group);
    if (live) live.offer();
    else this.#dispatch();
    return true;
  }

  #dispatch(): void {
    if (this.#phase !== "open") return;
    const now = this.#clock.now();
    while (this.#live.size < this.#options.slots) {
      const group = nextGroup(this.#state, this.#served, (folder) => this.#live.has(folder), now);
      if (group === undefined) break;
      this.#serve(group);
    }
    this.#waitForRetry(now);
  }

  #waitForRetry(now: number): void {
    this.#callOffRetry?.();
    this.#callOffRetry = null;
    const times = [...this.#state.waiting.keys()].flatMap((group) => {
      const at = pauseEnd(this.#state, group, now);
      return at > 0 && !this.#live.has(group) ? [at] : [];
    });
    if (times.length) this.#callOffRetry = this.#clock.after(Math.min(...times) - now, () => this.#dispatch());
  }

  /** Has the group's next items answered, and looks on when that is over. */
  #serve(folder: string): void {
    this.#served.set(folder, ++this.#serving);
    const items = nextItems(this.#state, folder);
    const attempt = new LiveAttempt({
      id: this.#attempt++,
      folder,
      items,
      find: async () => await this.#prepare(folder, items),
      runs: this.#options.runs,
      clock: this.#clock,
      logger: this.#options.logger,
      keep: async (record) => {
        await this.#keep(record);
        if (record.type === "answered") this.#sender.kick();
      },
      waiting: () => followUps(this.#state, folder, items),
      onEvent: (event) => this.#tell(event),
    });
    this.#live.set(folder, attempt);
    const [first] = items;
    const task = first?.kind === "job" ? first.job.task : null;
    this.#tell({ kind: "begun", group: folder, messages: task === null ? items.length : 0, task });
    const settling = this.#settle(attempt)
      .catch((thrown: unknown) => this.#options.logger.error({ err: thrown, group: folder }, "A run's end could not be kept"))
      .finally(() => {
        this.#live.delete(folder);
        this.#settling.delete(settling);
        this.#dispatch();
      });
    this.#settling.add(settling);
  }

  async #prepare(folder: string, items: readonly Item[]): Promise<Found | null> {
    const group = (await this.#options.groups()).find((candidate) => candidate.folder === folder);
    const [first] = items;
    if (!group || (first?.kind === "message" && first.message.chatJid !== group.jid)) {
      throw new NovaError("GROUP_NOT_FOUND", `The group ${quote(folder)} is not registered any more.`);
    }
    const session = await this.#options.session(group);
    if (first?.kind !== "job") return { group, session, job: null };
    // Looked at last: what its owner says until then counts.
    const job = this.#jobs ? this.#jobs.current(first.job) : first.job;
    return job && { group, session: job.session === "own" ? (job.sessionId ?? undefined) : session, job };
  }

  async #settle(attempt: LiveAttempt): Promise<void> {
    const result = await attempt.go();
    const groups = await this.#options.groups().catch(() => []);
    const record = this.#endOf(attempt.id, result.end, groups, result);
    const open = this.#state.attempts.get(attempt.id);
    const items = [...(open?.answered ?? []), ...(open?.open ?? [])].flatMap((seq) => this.#state.items.get(seq)?.item ?? []);
    await this.#keep(record);
    const { end } = result;
    if ("reason" in end) this.#reasons.set(attempt.folder, end.reason);
    else this.#reasons.delete(attempt.folder);
    const over = new Set(record.ends.flatMap(([seq, itemEnd]) => (isOver(itemEnd) ? [seq] : [])));
    const messages = items.flatMap((item) => (item.kind === "message" && over.has(item.seq) ? [item.message] : []));
    this.#tell({
      kind: "settled",
      group: attempt.folder,
      run: result.run,
      outcome: end.how === "held up" ? "failed" : end.how,
      durationMs: this.#clock.now() - attempt.startedAt,
      reason: "reason" in end ? end.reason : null,
      messages: messages.map(({ id }) => id),
      chatJid: messages[0]?.chatJid ?? null,
      failures: record.failures,
      retryMs: record.retryAt ? record.retryAt - this.#clock.now() : null,
    });
    this.#sender.kick();
    this.#tellEnds();
  }

  #endOf(
    attempt: number,
    end: AttemptEnd,
    groups: readonly Group[],
    result?: AttemptResult,
  ): Extract<QueueRecord, { type: "settled" }> {
    return endAttempt(this.#state, attempt, {
      end,
      run: result?.run ?? null,
      newSessionId: result?.newSessionId ?? null,
      now: this.#clock.now(),
      backoff: this.#runBackoff,
      chatOf: (folder) => groups.find((group) => group.folder === folder)?.jid,
    });
  }

  /** Tells whoever asked for jobs how they ended, until each was told. */
  #tellEnds(): void {
    const jobs = this.#jobs;
    if (!jobs) return;
    for (const [id, { job, end }] of this.#state.untold) {
      if (this.#telling.has(id)) continue;
      this.#telling.add(id);
      const tell = async (tries: number): Promise<void> => {
        try {
          await jobs.onJobEnd(job, end);
          await this.#keep({ type: "told", job: id });
          this.#telling.delete(id);
        } catch (thrown) {
          if (this.#phase === "closed") return;
          this.#options.logger.error({ err: thrown, job: id }, "The end of a task could not be told");
          this.#after(tellPause(tries), () => void tell(tries + 1));
        }
      };
      void tell(1);
    }
  }

  async #giveUp(messages: readonly OutgoingMessage[], reason: string): Promise<void> {
    const ids = messages.map(({ id }) => id);
    const at = new Date(this.#clock.now()).toISOString();
    try {
      await this.#keep({ type: "unsent", ids, reason, at });
    } catch (thrown) {
      // The queue is being closed: they are tried, and given up, after the next start.
      this.#options.logger.debug({ err: thrown }, "Messages were not given up");
      return;
    }
    const [first] = messages;
    if (first) this.#tell({ kind: "given up", chatJid: first.chatJid, messages: ids, reason });
  }

  /** Keeps what happened and cannot be refused: while the disk takes nothing, it waits. Rejects when the queue is closed. */
  async #keep(record: QueueRecord): Promise<void> {
    for (;;) {
      try {
        await this.#journal.append(record);
        return;
      } catch (thrown) {
        if (this.#phase === "closing" || this.#phase === "closed" || !(thrown instanceof NovaError)) throw thrown;
        this.#options.logger.error({ err: thrown }, "The disk does not take the queue's records; trying again");
        this.#tell({ kind: "trouble", reason: thrown.message });
        await new Promise<void>((resolve) => this.#after(diskPauseMs, resolve));
      }
    }
  }

  #after(ms: number, then: () => void): void {
    const callOff = this.#clock.after(ms, () => {
      this.#timers.delete(callOff);
      then();
    });
    this.#timers.add(callOff);
  }

  #tell(event: QueueEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch (thrown) {
      this.#options.logger.error({ err: thrown, event: event.kind }, "Whoever watches the queue failed");
    }
  }
}

function checkMessage(value: unknown): IncomingMessage {
  const parsed = incomingMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join(".") || "message";
  throw new NovaError("MESSAGE_INVALID", `The message's ${field} cannot be taken: ${issue?.message ?? "not valid"}.`, {
    place: field,
    cause: parsed.error,
  });
}
