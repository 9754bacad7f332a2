import { join } from "node:path";
import type { Logger } from "pino";
import { messageOf } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import {
  GROUPS_SNAPSHOT,
  TASKS_SNAPSHOT,
  messageMailSchema,
  taskMailSchema,
  type MessageMail,
  type TaskMail,
} from "../../model/mail.ts";
import type { AgentUser } from "../home/agent-user.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import { prepareSlots } from "../home/prepare.ts";
import type { Tasks } from "../tasks/tasks.ts";
import { deliverMessage, deliverTask, type Destinations } from "./delivery.ts";
import { ErrorsDirectory } from "./errors-directory.ts";
import { Gate } from "./gate.ts";
import { Rate } from "./rate.ts";
import { SlotReader } from "./slot-reader.ts";
import { Snapshots, groupsSnapshot, tasksSnapshot } from "./snapshots.ts";

/** How much one group may write; what is above waits in its slot. */
export interface MailRates {
  readonly messagesPerSecond: number;
  readonly tasksPerSecond: number;
  readonly filesPerSecond: number;
  readonly bytesPerSecond: number;
}

const DEFAULT_MAIL_RATES: MailRates = {
  messagesPerSecond: 20,
  // Some cron patterns take tens of milliseconds of the one thread until it is known that they never come.
  tasksPerSecond: 4,
  filesPerSecond: 100,
  bytesPerSecond: 4 * 1024 * 1024,
};

export interface MailSlotsOptions extends Destinations {
  /** The registered groups as they are now. */
  readonly groups: () => Promise<readonly Group[]>;
  /** Whom the agents run as. */
  readonly user: AgentUser;
  readonly tasks: Pick<Tasks, "apply" | "list" | "onChange" | "timezone">;
  readonly logger: Pick<Logger, "warn">;
  readonly rates?: MailRates;
}

/** How often every slot is looked at, whatever the system reports of changes. */
const lookEveryMs = 500;
/** Files that are read at once, of all groups together. */
const filesAtOnce = 4;

interface GroupMail {
  group: Group;
  readonly readers: readonly { tick(): void }[];
  readonly snapshots: Snapshots;
  readonly stop: AbortController;
  readonly done: Promise<unknown>;
}

/** The mail slots of all groups of a home: what agents write into them goes where it shall, and what they may know stands in them. */
export class MailSlots {
  readonly #options: MailSlotsOptions;
  readonly #gate = new Gate(filesAtOnce);
  readonly #mail = new Map<string, GroupMail>();
  #groups: readonly Group[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #tasksChanged = true;
  #stopListening: () => void = () => undefined;
  #isRunning = false;
  #lastWord = "";

  constructor(options: MailSlotsOptions) {
    this.#options = options;
  }

  /** Resolves when every group's slots are there and are read. */
  async start(): Promise<void> {
    this.#isRunning = true;
    this.#stopListening = this.#options.tasks.onChange(() => {
      this.#tasksChanged = true;
      void this.#look();
    });
    await this.#look();
  }

  /** Reads no more. Resolves when nothing is on its way any more. */
  async close(): Promise<void> {
    this.#isRunning = false;
    this.#stopListening();
    clearTimeout(this.#timer);
    await this.#looking;
    for (const folder of this.#mail.keys()) await this.#forget(folder);
  }

  /** Never rejects. Who asks while a look is going on gets that one; a change it missed is seen by the next. */
  async #look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch((thrown: unknown) => this.#warn(messageOf(thrown)))
      .finally(() => {
        this.#looking = undefined;
        clearTimeout(this.#timer);
        if (this.#isRunning) this.#timer = setTimeout(() => void this.#look(), this.#tasksChanged ? 0 : lookEveryMs).unref();
      });
    await this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const tasksChanged = this.#tasksChanged;
    this.#tasksChanged = false;
    try {
      await this.#readGroups(tasksChanged);
    } catch (thrown) {
      // The groups that were known go on.
      this.#warn(messageOf(thrown));
    }
    for (const mail of this.#mail.values()) {
      for (const reader of mail.readers) reader.tick();
      // One group's directory that cannot be written keeps no other group's from it.
      await mail.snapshots.keep().catch((thrown: unknown) => this.#warn(messageOf(thrown)));
    }
  }

  async #readGroups(tasksChanged: boolean): Promise<void> {
    const { groups: readGroups, tasks } = this.#options;
    const groups = await readGroups();
    const groupsChanged = JSON.stringify(groups) !== JSON.stringify(this.#groups);
    this.#groups = groups;
    for (const folder of this.#mail.keys()) {
      const known = groups.find((group) => group.folder === folder);
      if (!known) await this.#forget(folder);
    }
    for (const group of groups) {
      const known = this.#mail.get(group.folder);
      if (known) known.group = group;
      else await this.#begin(group);
    }
    if (!groupsChanged && !tasksChanged) return;
    for (const { group, snapshots } of this.#mail.values()) {
      snapshots.want(TASKS_SNAPSHOT, tasksSnapshot(group, tasks.timezone, tasks.list(group)));
      if (group.isMain) snapshots.want(GROUPS_SNAPSHOT, groupsSnapshot(groups));
    }
  }

  async #begin(group: Group): Promise<void> {
    const { home, user, logger, rates = DEFAULT_MAIL_RATES } = this.#options;
    // There before the group's first run, so that its agent finds the snapshots.
    await makeSlots(home.root, group.folder, user).catch((thrown: unknown) => this.#warn(messageOf(thrown)));
    const path = join(home.data, "ipc", group.folder);
    const stop = new AbortController();
    const errors = new ErrorsDirectory();
    const common = { path, user, errors, gate: this.#gate, logger, signal: stop.signal };
    const files = new Rate(rates.filesPerSecond);
    const bytes = new Rate(rates.bytesPerSecond);
    const current = (): Group => this.#mail.get(group.folder)?.group ?? group;
    const messages = new SlotReader<MessageMail>({
      ...common,
      name: "messages",
      schema: messageMailSchema,
      rates: { files, bytes, deliveries: new Rate(rates.messagesPerSecond, rates.messagesPerSecond * 2) },
      deliver: async (mail, id) => await deliverMessage(this.#options, current(), this.#groups, mail, id),
    });
    const tasks = new SlotReader<TaskMail>({
      ...common,
      name: "tasks",
      schema: taskMailSchema,
      rates: { files, bytes, deliveries: new Rate(rates.tasksPerSecond, rates.tasksPerSecond * 2) },
      deliver: async (mail, id) => await deliverTask(this.#options, current(), mail, id),
    });
    this.#mail.set(group.folder, {
      group,
      readers: [messages, tasks],
      snapshots: new Snapshots(path, user, errors),
      stop,
      done: Promise.all([messages.run(), tasks.run()]),
    });
  }

  async #forget(folder: string): Promise<void> {
    const mail = this.#mail.get(folder);
    this.#mail.delete(folder);
    mail?.stop.abort();
    await mail?.done;
  }

  #warn(reason: string): void {
    if (reason === this.#lastWord) return;
    this.#lastWord = reason;
    this.#options.logger.warn({ reason }, "mail slots could not be looked at");
  }
}

async function makeSlots(root: string, folder: string, user: AgentUser): Promise<void> {
  const open: HeldDirectory[] = [await HeldDirectory.open(root)];
  try {
    for (const name of ["data", "ipc", folder]) {
      const parent = open.at(-1);
      if (parent) open.push(await parent.ensureDirectory(name));
    }
    const slots = open.at(-1);
    if (slots) await prepareSlots(slots, user);
  } finally {
    for (const directory of open) await directory.close();
  }
}
