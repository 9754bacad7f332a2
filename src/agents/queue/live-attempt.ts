import type { Logger } from "pino";
import { NovaError, messageOf } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import type { OutgoingMessage } from "../../model/message.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import type { TaskJob } from "../../model/task.ts";
import type { RunResult } from "../run/report.ts";
import type { LiveRun, RunRequest } from "../run/request.ts";
import type { Clock } from "./clock.ts";
import type { AttemptEnd } from "./ending.ts";
import type { QueueEvent } from "./events.ts";
import { messagesPrompt } from "./prompt.ts";
import type { Item, QueueRecord } from "./records.ts";

/** Where runs are carried out. */
export interface RunDoor {
  /** A run will be asked for in milliseconds. */
  expect?(): void;
  run(request: RunRequest): Promise<RunResult>;
}

/** What a chat's error text is cut to. */
const reasonChars = 600;
/** How many messages lie in an agent's input that it did not take yet. */
const handedAtOnce = 50;
/** What agents say of a conversation that is not there (any more). */
const noSession = /no conversation found|session[^.\n]{0,80}(?:not found|does not exist|doesn't exist)/i;

export interface Found {
  readonly group: Group;
  /** The session that the run goes on in. */
  readonly session: string | undefined;
  /** Set when the run is a task's. */
  readonly job: TaskJob | null;
}

export interface AttemptOptions {
  readonly id: number;
  readonly folder: string;
  readonly items: readonly Item[];
  /** What is to be run, as it stands now; null when nothing is any more. */
  readonly find: () => Promise<Found | null>;
  readonly runs: RunDoor;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Keeps a record; in order, however long the disk takes. */
  readonly keep: (record: QueueRecord) => Promise<void>;
  /** The group's waiting items in order, as far as the agent at work may have them. */
  readonly waiting: () => readonly Item[];
  readonly onEvent: (event: QueueEvent) => void;
}

export interface AttemptResult {
  readonly end: AttemptEnd;
  readonly run: string | null;
  readonly newSessionId: string | null;
}

/** One try to have items answered: a run, what it says, and what is handed to it meanwhile. */
export class LiveAttempt {
  readonly id: number;
  readonly folder: string;
  readonly startedAt: number;
  run: string | null = null;
  readonly #options: AttemptOptions;
  readonly #controller = new AbortController();
  #abortedFor: "cancel" | "shutdown" | null = null;
  /** Records are kept in the order in which things happened. */
  #kept: Promise<unknown> = Promise.resolve();
  #live: LiveRun | null = null;
  #begun = false;
  #answers = 0;
  /** By message id, what was put into the agent's input. */
  readonly #handed = new Map<string, number>();
  readonly #taken = new Set<string>();
  #handing: Promise<void> | null = null;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.id = options.id;
    this.folder = options.folder;
    this.startedAt = options.clock.now();
  }

  get messages(): number {
    return this.#options.items.filter(({ kind }) => kind === "message").length + this.#taken.size;
  }

  get task(): string | null {
    const [item] = this.#options.items;
    return item?.kind === "job" ? item.job.task : null;
  }

  get abortedFor(): "cancel" | "shutdown" | null {
    return this.#abortedFor;
  }

  abort(why: "cancel" | "shutdown"): void {
    this.#abortedFor ??= why;
    this.#controller.abort();
  }

  /** Resolves when the run is over and all it said is kept. */
  async go(): Promise<AttemptResult> {
    const { id, folder, items } = this.#options;
    this.#keep({ type: "begun", attempt: id, group: folder, items: items.map(({ seq }) => seq) }, () => {
      this.#begun = true;
      this.offer();
    });
    const result = await this.#try();
    this.#live = null;
    await this.#handing;
    await this.#kept;
    return result;
  }

  /** Hands on messages that wait, in order, when the agent takes them. */
  offer(): void {
    this.#handing ??= this.#hand().finally(() => (this.#handing = null));
  }

  async #hand(): Promise<void> {
    // The caller is in the middle of something.
    await Promise.resolve();
    for (;;) {
      const live = this.#live;
      // Before the attempt is on the disk its own items count as waiting.
      if (!live?.takesFollowUps || !this.#begun || this.task !== null || this.#controller.signal.aborted) return;
      if (this.#handed.size - this.#taken.size >= handedAtOnce) return;
      const next = this.#options.waiting().find((item) => item.kind === "job" || !this.#handed.has(item.message.id));
      if (next?.kind !== "message") return;
      const { message } = next;
      this.#handed.set(message.id, next.seq);
      try {
        await live.hand({ id: message.id, text: messagesPrompt([message]) });
        this.#options.onEvent({ kind: "handed", group: this.folder, run: live.id, message: message.id });
      } catch (thrown) {
        // It waits on, as if it had come a moment later.
        this.#options.logger.warn({ err: thrown, run: live.id }, "A message could not be handed to the agent at work");
        this.#live = null;
        return;
      }
    }
  }

  async #try(): Promise<AttemptResult> {
    try {
      const found = await this.#options.find();
      if (!found) return { end: { how: "success", skipped: true }, run: null, newSessionId: null };
      const { session } = found;
      const result = await this.#options.runs.run(this.#request(found));
      const vanished =
        session !== undefined &&
        this.#answers === 0 &&
        this.#taken.size === 0 &&
        result.accepted.length === 0 &&
        result.record.outcome !== "success" &&
        noSession.test(result.record.error ?? "");
      if (!vanished || this.#controller.signal.aborted) return this.#ended(result);
      this.#options.logger.warn({ group: this.folder }, "The agent does not know the session any more; a new one begins");
      return this.#ended(await this.#options.runs.run(this.#request({ ...found, session: undefined })));
    } catch (thrown) {
      return this.#refused(thrown);
    }
  }

  #request({ group, session, job }: Found): RunRequest {
    const messages = this.#options.items.flatMap((item) => (item.kind === "message" ? [item.message] : []));
    return {
      group,
      prompt: job ? job.prompt : messagesPrompt(messages),
      mode: group.containerConfig?.mode ?? "warm",
      signal: this.#controller.signal,
      messages: messages.map(({ id }) => id),
      ...(session === undefined ? {} : { sessionId: session }),
      ...(job === null ? {} : { isScheduledTask: true, task: job.task, ownSession: job.session === "own" }),
      ...(job?.guard ? { guard: job.guard } : {}),
      onLive: (live) => {
        this.run = live.id;
        this.#live = live;
        this.#handed.clear();
        this.offer();
      },
      onAccepted: (id) => this.#accepted(id),
      onOutput: (output) => this.#answered(group, output),
    };
  }

  #accepted(id: string): void {
    const seq = this.#handed.get(id);
    // An agent can claim what it was never given.
    if (seq === undefined || this.#taken.has(id)) return;
    this.#taken.add(id);
    this.#keep({ type: "taken", attempt: this.id, item: seq }, () => this.offer());
  }

  #answered(group: Group, output: ContainerOutput): void {
    if (output.status !== "success" || output.result === null) return;
    const { clock } = this.#options;
    this.#answers += 1;
    const run = this.run ?? `attempt-${this.id}`;
    const outgoing: OutgoingMessage | null =
      output.result.trim() === ""
        ? null
        : {
            id: `run:${run}:${this.#answers}`,
            chatJid: group.jid,
            text: output.result,
            kind: "answer",
            group: group.folder,
            run: this.run,
            createdAt: new Date(clock.now()).toISOString(),
          };
    const { result } = output;
    this.#keep({ type: "answered", attempt: this.id, run, result, final: output.final ?? false, outgoing });
    const afterMs = clock.now() - this.startedAt;
    this.#options.onEvent({ kind: "answered", group: group.folder, run: this.run, afterMs });
  }

  #ended(result: RunResult): AttemptResult {
    for (const id of result.accepted) this.#accepted(id);
    const { id: run, outcome, newSessionId, error } = result.record;
    this.run = run;
    return { end: this.#endOf(outcome, result.skipped, error), run, newSessionId };
  }

  #endOf(outcome: RunResult["record"]["outcome"], skipped: boolean, error: string | null): AttemptEnd {
    if (outcome === "success") return { how: "success", skipped };
    if (outcome === "cancelled") return this.#abortedEnd() ?? { how: "cancelled" };
    return { how: "failed", reason: short(error ?? `The run ended with: ${outcome}.`) };
  }

  #refused(thrown: unknown): AttemptResult {
    const reason = short(messageOf(thrown));
    const code = thrown instanceof NovaError ? thrown.code : null;
    this.#options.logger.error({ err: thrown, group: this.folder }, "The run could not begin");
    const end: AttemptEnd =
      this.#abortedEnd() ??
      (code === "RUN_CANCELLED"
        ? { how: "cancelled" }
        : // Messages are not to blame for an engine that is away, and wait for it.
          { how: code === "ENGINE_LOST" || code === "ENGINE_NOT_FOUND" ? "held up" : "failed", reason });
    return { end, run: this.run, newSessionId: null };
  }

  #abortedEnd(): AttemptEnd | undefined {
    if (this.#abortedFor === "shutdown") return { how: "interrupted", killed: false };
    if (this.#abortedFor === "cancel") return { how: "cancelled" };
    return undefined;
  }

  #keep(record: QueueRecord, then?: () => void): void {
    this.#kept = this.#kept
      .then(async () => {
        await this.#options.keep(record);
        then?.();
      })
      .catch((thrown: unknown) => {
        this.#options.logger.error({ err: thrown, record: record.type }, "The queue ended before this could be kept");
      });
  }
}

function short(text: string): string {
  return text.length > reasonChars ? `${text.slice(0, reasonChars)}…` : text;
}
