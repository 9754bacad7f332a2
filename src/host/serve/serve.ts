import { join } from "node:path";
import type { Logger } from "pino";
import { openHostDirectory } from "../../agents/home/host-directory.ts";
import { agentUser } from "../../agents/home/agent-user.ts";
import type { Home } from "../../agents/home/home.ts";
import { MailSlots } from "../../agents/mail/mail-slots.ts";
import type { Chats } from "../../agents/queue/chats.ts";
import type { QueueEvent } from "../../agents/queue/events.ts";
import type { PooledContainer } from "../../agents/pool/pool.ts";
import { Queue, type QueueStatus } from "../../agents/queue/queue.ts";
import { Sessions } from "../../agents/queue/sessions.ts";
import { listRecords } from "../../agents/run/records.ts";
import { maxContainers } from "../../agents/run/request.ts";
import { Tasks } from "../../agents/tasks/tasks.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Group } from "../../model/group.ts";
import { Installation, editGroups } from "../installation.ts";
import type { Environment } from "../state.ts";
import { thisHost } from "../this-host.ts";
import type { ToldLock } from "../told-lock.ts";
import { ChatFeed } from "./chat-feed.ts";
import { ControlServer } from "./control-server.ts";
import { LocalChats } from "./local-chats.ts";
import { takeServeLock } from "./lock.ts";
import { registryOf } from "./registry.ts";
import { Sweeps } from "./sweeps.ts";
import { routesOf } from "./routes.ts";

/** A group that was at work within this time before a start is likely to be soon. */
const activeMs = 30 * 60_000;
const activeRecords = 50;

export interface ServeOptions {
  readonly home: Home;
  readonly engine: Engine;
  readonly env: Environment;
  readonly logger: Logger;
  readonly onEvent?: (event: QueueEvent) => void;
  /** Told of what the start cleaned up: names of containers that a dead host had left. */
  readonly onCleanUp?: (containers: readonly string[]) => void;
  /** Where messages to chats go; by default to the local chats, which are passed in. */
  readonly chats?: (local: Chats) => Chats;
  /** Pauses in milliseconds before a run, and before a message to a chat, is tried again. */
  readonly runBackoff?: (tries: number) => number;
  readonly sendBackoff?: (tries: number) => number;
  /** Milliseconds from one look for abandoned containers to the next. */
  readonly sweepEveryMs?: number;
}

export interface ServeStatus extends QueueStatus {
  readonly home: string;
  readonly engine: string;
  readonly pid: number;
  readonly since: string;
  readonly slots: number;
  readonly tasks: number;
  /** Containers that wait for their next run. */
  readonly pool: readonly PooledContainer[];
}

/** A home that is alive: messages are answered, tasks are carried out, mail is delivered, until `close`. */
export class Serve {
  readonly queue: Queue;
  readonly tasks: Tasks;
  readonly localChats: LocalChats;
  readonly feed: ChatFeed;
  readonly installation: Installation;
  readonly #mail: MailSlots;
  readonly #sweeps: Sweeps;
  readonly #home: Home;
  readonly #lock: ToldLock;
  readonly #control: ControlServer;
  readonly #slots: number;
  #closing: Promise<void> | undefined;
  readonly #since = new Date().toISOString();

  private constructor(parts: {
    readonly home: Home;
    readonly lock: ToldLock;
    readonly installation: Installation;
    readonly queue: Queue;
    readonly tasks: Tasks;
    readonly mail: MailSlots;
    readonly sweeps: Sweeps;
    readonly localChats: LocalChats;
    readonly feed: ChatFeed;
    readonly slots: number;
    readonly logger: Logger;
  }) {
    this.#home = parts.home;
    this.#lock = parts.lock;
    this.installation = parts.installation;
    this.queue = parts.queue;
    this.tasks = parts.tasks;
    this.#mail = parts.mail;
    this.#sweeps = parts.sweeps;
    this.localChats = parts.localChats;
    this.feed = parts.feed;
    this.#slots = parts.slots;
    this.#control = new ControlServer(routesOf(this), parts.logger);
  }

  /**
   * Opens the home and begins. Rejects with `HOME_BUSY` when another process serves it, with `QUEUE_DAMAGED` when the journal
   * cannot be read, and then nothing goes on.
   */
  static async open(options: ServeOptions): Promise<Serve> {
    const { home, engine, env, logger } = options;
    const slots = maxContainers(env);
    const undo: (() => Promise<void>)[] = [];
    try {
      const directories = await makeDirectories(home);
      const lock = await takeServeLock(home);
      undo.push(async () => await lock.release());
      const installation = await Installation.open({ home, engine, env, logger });
      undo.push(async () => await installation.close());
      // Apart from the call: what nobody is told of must be done all the same.
      const { containers } = await installation.cleanUp();
      options.onCleanUp?.(containers);
      const groups = registryOf(home);
      const sessions = new Sessions(home);
      const localChats = new LocalChats(directories.chats);
      undo.push(async () => await localChats.close());
      let take = (_event: QueueEvent): void => undefined;
      const queue = await Queue.open({
        directory: directories.queue,
        runs: installation.runs,
        chats: options.chats?.(localChats) ?? localChats,
        groups,
        session: async (group) => await sessions.latest(group),
        slots,
        logger,
        onEvent: (event) => take(event),
        ...(options.runBackoff ? { runBackoff: options.runBackoff } : {}),
        ...(options.sendBackoff ? { sendBackoff: options.sendBackoff } : {}),
      });
      undo.push(async () => await queue.close({ cancelRuns: true }));
      const timezone = env["TZ"] || Intl.DateTimeFormat().resolvedOptions().timeZone;
      const tasks = await Tasks.open({ home, groups, timezone, queue, logger });
      undo.push(async () => await tasks.close());
      const mail = new MailSlots({
        home,
        groups,
        tasks,
        logger,
        outbox: queue,
        user: agentUser(thisHost(), await engine.probe()),
        editGroups: async (change) => await editGroups(home.root, change),
        runOf: (folder) => queue.runOf(folder),
      });
      undo.push(async () => await mail.close());
      const sweeps = new Sweeps({
        sweep: async () => await installation.removeAbandoned(),
        onSwept: (swept) => options.onCleanUp?.(swept),
        logger,
        ...(options.sweepEveryMs === undefined ? {} : { everyMs: options.sweepEveryMs }),
      });
      undo.push(async () => await sweeps.close());
      const feed = new ChatFeed(localChats, (chatJid) => queue.isSending(chatJid));
      take = (event) => {
        options.onEvent?.(event);
        feed.take(event);
      };
      const serve = new Serve({ home, lock, installation, queue, tasks, mail, sweeps, localChats, feed, slots, logger });
      // What agents read of tasks and groups stands before the first of them runs.
      await tasks.start();
      await mail.start();
      await serve.#control.listen(home);
      undo.push(async () => await serve.#control.close());
      queue.start(tasks);
      sweeps.start();
      await keepWarm(home, installation, await groups());
      return serve;
    } catch (thrown) {
      for (const step of undo.toReversed()) {
        await step().catch((later: unknown) => logger.error({ err: later }, "The home could not be let go in order"));
      }
      throw thrown;
    }
  }

  status(): ServeStatus {
    return {
      home: this.#home.root,
      engine: this.installation.engine.name,
      pid: process.pid,
      since: this.#since,
      slots: this.#slots,
      tasks: this.tasks.list("owner").filter(({ status }) => status === "active").length,
      pool: this.installation.runs.pool.status(),
      ...this.queue.status(),
    };
  }

  /**
   * Ends in order: nothing new is taken, runs that go on have `patience` to end by themselves, then they are stopped and what
   * they had not answered waits for the next start.
   */
  async close(patience: AbortSignal = AbortSignal.abort()): Promise<void> {
    const stop = (): void => this.queue.stopRuns();
    patience.addEventListener("abort", stop, { once: true });
    this.#closing ??= this.#close(patience);
    if (patience.aborted) stop();
    await this.#closing;
  }

  async #close(patience: AbortSignal): Promise<void> {
    // Its mail first: what is taken from a slot must still be taken in. From then on new messages are refused.
    await this.#mail.close();
    await this.#sweeps.close();
    await this.queue.close({ cancelRuns: patience.aborted });
    // After the queue, which tells it how the last jobs ended.
    await this.tasks.close();
    // Until here those who wait for answers could see them come.
    await this.#control.close();
    await this.localChats.close();
    await this.installation.close();
    await this.#lock.release();
  }
}

/** Groups that were at work shortly before the start get their containers ahead again. */
async function keepWarm(home: Home, { runs }: Installation, groups: readonly Group[]): Promise<void> {
  const recently = Date.now() - activeMs;
  const active = new Set<string>();
  for (const record of await listRecords(home, { limit: activeRecords }))
    if (Date.parse(record.startedAt) > recently) active.add(record.jid);
  for (const group of groups) if (active.has(group.jid)) runs.keepWarm(group);
}

/** What serving keeps in the home, below `data/host`. */
async function makeDirectories(home: Home): Promise<{ readonly queue: string; readonly chats: string }> {
  const directory = await openHostDirectory(home);
  try {
    for (const name of ["queue", "chats"]) await (await directory.ensureDirectory(name, 0o700)).close();
  } finally {
    await directory.close();
  }
  return { queue: join(home.host, "queue"), chats: join(home.host, "chats") };
}
