import { createHash, randomBytes } from "node:crypto";
import { NovaError } from "../../model/errors.ts";
import type { FollowUp } from "../../model/protocol.ts";
import type { AgentUser } from "../home/agent-user.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { Home } from "../home/home.ts";
import { SlotDirectory } from "../mail/slot-directory.ts";

const inputName = "input";
/** What the host puts there: a number that orders the messages, and a hash of the message's id; and the same half-written. */
const followUpFile = /^\d{10}-[0-9a-f]{8}\.json$|^\.\d{10}-[0-9a-f]{8}\.json\.[0-9a-f]{12}\.tmp$/;

/** Far more names than a host ever puts there; a directory with more is one that its agent filled. */
const mostNames = 2000;

/**
 * Takes away what an earlier run left in a group's input. The group's turn is held, so no agent of it is at work. A directory that cannot
 * be cleared in a moment is put aside as it is: as large as its agent made it, it would hold up other groups' runs.
 */
export async function clearInput(home: Home, folder: string): Promise<void> {
  await withSlots(home, folder, async (slots) => {
    const input = await slots.reclaimDirectory(inputName);
    try {
      if (await removeAll(new SlotDirectory(input))) return;
    } finally {
      await input.close();
    }
    const found = await slots.lstat(inputName);
    const here = new SlotDirectory(slots);
    await here.moveTo(here, inputName, `.${inputName}-${randomBytes(6).toString("hex")}`);
    const fresh = await slots.ensureDirectory(inputName);
    try {
      if (found) await fresh.giveTo({ uid: found.uid, gid: found.gid }, found.mode & 0o777);
    } finally {
      await fresh.close();
    }
  });
}

/** Removes the host's files; false when there is too much else, or something in the place of one that is no file. */
async function removeAll(input: SlotDirectory): Promise<boolean> {
  const reading = await input.names();
  try {
    const { names, isOver } = await reading.next(mostNames);
    let isClear = isOver;
    for (const name of names) if (followUpFile.test(name.toString())) isClear = (await input.remove(name)) && isClear;
    return isClear;
  } finally {
    await reading.close();
  }
}

/** The messages that are handed to one run's agent while it works. */
export class FollowUps {
  readonly #home: Home;
  readonly #folder: string;
  readonly #user: AgentUser;
  readonly #run: string;
  readonly #handed = new Set<string>();
  readonly #names = new Set<string>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(home: Home, folder: string, user: AgentUser, run: string) {
    this.#home = home;
    this.#folder = folder;
    this.#user = user;
    this.#run = run;
  }

  /** Puts a message into the agent's input, after those before it. Rejects with `RUN_NOT_FOUND` when the run is over. */
  async hand(followUp: FollowUp): Promise<void> {
    if (this.#isOver) throw this.#over();
    const handing = this.#last.then(async () => {
      if (this.#isOver) throw this.#over();
      await this.#put(followUp);
    });
    this.#last = handing.catch(() => undefined);
    await handing;
  }

  /** Whether the message was handed to this run: an agent may claim to have taken anything. */
  has(id: string): boolean {
    return this.#handed.has(id);
  }

  /** Nothing is handed from now on; what the agent did not take is taken away from it. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#last;
    if (!this.#names.size) return;
    await withInput(this.#home, this.#folder, async (input) => {
      const directory = new SlotDirectory(input);
      // What the agent put in the place of one stays: the next run's beginning sees to it.
      for (const name of this.#names) await directory.remove(name);
    });
  }

  async #put({ id, text }: FollowUp): Promise<void> {
    this.#count += 1;
    const hash = createHash("sha256").update(id).digest("hex").slice(0, 8);
    const name = `${String(this.#count).padStart(10, "0")}-${hash}.json`;
    const { isGiven, shifted, uid, gid } = this.#user;
    // Named before it can be taken.
    this.#handed.add(id);
    this.#names.add(name);
    const isThere = await withInput(this.#home, this.#folder, async (input) => {
      const owner = isGiven ? { uid, gid } : null;
      await input.replace(name, JSON.stringify({ id, text }), shifted ? 0o644 : 0o600, { owner });
    });
    if (!isThere) {
      throw new NovaError("HOME_UNSAFE_PATH", `The mail slots of the group ${this.#folder} are gone.`, {
        place: this.#home.data,
      });
    }
  }

  #over(): NovaError {
    return new NovaError("RUN_NOT_FOUND", `The run ${this.#run} is over.`, {
      place: "run",
      next: "Begin another run with the message.",
    });
  }
}

/** False when the group has no mail slots yet. What an agent put in the place of its input directory is taken away. */
async function withInput(home: Home, folder: string, use: (input: HeldDirectory) => Promise<void>): Promise<boolean> {
  return await withSlots(home, folder, async (slots) => {
    const input = await slots.reclaimDirectory(inputName);
    try {
      await use(input);
    } finally {
      await input.close();
    }
  });
}

async function withSlots(home: Home, folder: string, use: (slots: HeldDirectory) => Promise<void>): Promise<boolean> {
  const slots = await HeldDirectory.find(home.root, "data", "ipc", folder);
  if (!slots) return false;
  try {
    await use(slots);
  } finally {
    await slots.close();
  }
  return true;
}
