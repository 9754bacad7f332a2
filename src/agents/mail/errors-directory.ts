import { createHash, randomBytes } from "node:crypto";
import type { NovaError } from "../../model/errors.ts";
import type { MailReason } from "../../model/mail.ts";
import type { AgentUser } from "../home/agent-user.ts";
import type { HeldDirectory } from "../home/held-directory.ts";
import { SlotDirectory, type FileName } from "./slot-directory.ts";

/** Bad files of one group beyond this many are removed, the oldest first. */
export const KEPT_ERRORS = 100;
const reasonSuffix = ".reason.json";
/** The longest name, in bytes, that leaves room for the suffixes. */
const longestName = 180;
/** A round of removing looks at no more names than this. */
const namesAtOnce = 1000;
/** Bad files that come before the directory is looked through again. */
const pruneEvery = 25;
/** Directories on their way out; what they hold is brought up here first, so that no depth is too deep. */
const leavingPrefix = ".leaving-";

/** A group's `errors/`, where what could not be used as mail lies with the reason beside it. The agent can write there too. */
export class ErrorsDirectory {
  #unpruned = pruneEvery;

  /** Moves `name` out of `from`, and says why. Rejects when it cannot be moved. `slots` is the group's directory. */
  async reject(slots: HeldDirectory, user: AgentUser, from: SlotDirectory, name: FileName, error: NovaError): Promise<void> {
    const held = await slots.reclaimDirectory("errors");
    const errors = new SlotDirectory(held);
    try {
      if (user.shifted) await held.setMode(0o777);
      else await held.giveTo(user);
      const target = await this.#move(errors, from, name);
      const { code, message, next } = error;
      const reason: MailReason = { code, message, next };
      await held.create(target + reasonSuffix, `${JSON.stringify(reason)}\n`, 0o644);
      this.#unpruned += 1;
      if (this.#unpruned < pruneEvery) return;
      this.#unpruned = 0;
      await prune(errors);
    } finally {
      await errors.close();
    }
  }

  async #move(errors: SlotDirectory, from: SlotDirectory, name: FileName): Promise<string> {
    const wanted = safeName(name);
    for (let target = wanted; ; target = `${wanted}.${randomBytes(6).toString("hex")}`) {
      if (await errors.look(target + reasonSuffix)) continue;
      if (await from.moveTo(errors, name, target)) return target;
    }
  }
}

/** `name` when every program can show it and it is short enough; otherwise its beginning, with a hash for the rest. */
function safeName(name: FileName): string {
  const text = name.toString();
  const isPlain = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd.][^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]*$/u.test(text);
  if (isPlain && name.length <= longestName) return text;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${text.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 60)}-${hash}.json`;
}

/** Keeps the newest; what is a directory goes in steps of bounded size. */
async function prune(errors: SlotDirectory): Promise<void> {
  const reading = await errors.names();
  const found: { name: FileName; time: bigint }[] = [];
  try {
    for (const name of (await reading.next(namesAtOnce)).names) {
      const text = name.toString();
      const stat = text.startsWith(leavingPrefix) ? undefined : await errors.look(name);
      if (text.startsWith(leavingPrefix)) await removeDirectory(errors, text);
      else if (stat && !text.endsWith(reasonSuffix)) found.push({ name, time: stat.ctimeNs });
      else if (stat && !(await errors.look(name.subarray(0, -reasonSuffix.length)))) await removeAny(errors, name);
    }
  } finally {
    await reading.close();
  }
  const old = found.toSorted((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0)).slice(KEPT_ERRORS);
  for (const { name } of old) {
    await removeAny(errors, name);
    await removeAny(errors, Buffer.concat([name, Buffer.from(reasonSuffix)]));
  }
}

async function removeAny(errors: SlotDirectory, name: FileName): Promise<void> {
  if (await errors.remove(name)) return;
  const leaving = leavingName();
  if (await errors.moveTo(errors, name, leaving)) await removeDirectory(errors, leaving);
}

/** Takes some of what is in the directory `name` out of it, and the directory itself when that was all. */
async function removeDirectory(errors: SlotDirectory, name: string): Promise<void> {
  const directory = new SlotDirectory(await errors.held.directory(name));
  try {
    const reading = await directory.names();
    try {
      for (const inner of (await reading.next(namesAtOnce)).names) {
        if (!(await directory.remove(inner))) await directory.moveTo(errors, inner, leavingName());
      }
    } finally {
      await reading.close();
    }
  } finally {
    await directory.close();
  }
  await errors.remove(name);
}

function leavingName(): string {
  return leavingPrefix + randomBytes(8).toString("hex");
}
