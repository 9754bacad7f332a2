import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, messageOf, NovaError } from "../../model/errors.ts";
import type { MailReason, MessageMail, TaskMail } from "../../model/mail.ts";
import { MAIL_LIMITS } from "../../model/mail-limits.ts";
import { IPC_TARGET } from "../../model/workspace.ts";

export type Mail = MessageMail | TaskMail;

/** What became of mail: the host has taken it, has refused it, or has not looked yet, and will when `novabot serve` runs. */
export type Posted =
  | { readonly state: "taken"; readonly file: string }
  | { readonly state: "queued"; readonly file: string }
  | { readonly state: "refused"; readonly file: string; readonly reason: MailReason };

const PATIENCE_MS = 1500;
const LOOK_MS = 10;
// A file that was refused is moved before its reason is written, or after; the other half comes at once, unless others are before it.
const REASON_MS = 1000;

/** The group's mail slots: a directory for each kind of mail, and one for what was refused. */
export class MailSlots {
  readonly #root: string;
  #last = 0;

  constructor(root: string = IPC_TARGET) {
    this.#root = root;
  }

  /** Posts mail, and waits for what becomes of it, unless `patienceMs` is 0. */
  async post(mail: Mail, patienceMs: number = PATIENCE_MS): Promise<Posted> {
    const slot = mail.type === "message" ? "messages" : "tasks";
    const file = this.#write(slot, mail);
    const until = performance.now() + patienceMs;
    while (existsSync(join(this.#root, slot, file))) {
      if (performance.now() >= until) return { state: "queued", file };
      await sleep(LOOK_MS);
    }
    const reason = await this.#reason(file);
    return reason === undefined ? { state: "taken", file } : { state: "refused", file, reason };
  }

  #write(slot: string, mail: Mail): string {
    const directory = join(this.#root, slot);
    const content = `${JSON.stringify(mail)}\n`;
    if (Buffer.byteLength(content) > MAIL_LIMITS.fileBytes) {
      throw new NovaError("MAIL_INVALID", `The mail is longer than ${MAIL_LIMITS.fileBytes} bytes.`, {
        next: "Put what is long into a file of the group's folder and name the file.",
      });
    }
    const file = this.#name();
    const draft = join(directory, `.${file}`);
    try {
      writeFileSync(draft, content, { flag: "wx", mode: 0o644 });
      renameSync(draft, join(directory, file));
    } catch (error) {
      rmSync(draft, { force: true });
      throw new NovaError("MAIL_INVALID", `The mail could not be put into ${directory}: ${messageOf(error)}`, {
        place: directory,
        next: hasCode(error, "ENOENT")
          ? "This container was started without mail slots; run the command in a group's container."
          : "See that the disk has room and that the directory may be written.",
        cause: error,
      });
    }
    return file;
  }

  /** A name that no other has, and that sorts by time: microseconds, also within one process never the same twice. */
  #name(): string {
    this.#last = Math.max(this.#last + 1, Math.floor((performance.timeOrigin + performance.now()) * 1000));
    return `${String(this.#last).padStart(16, "0")}-${randomBytes(4).toString("hex")}.json`;
  }

  async #reason(file: string): Promise<MailReason | undefined> {
    const refused = join(this.#root, "errors", file);
    const path = `${refused}.reason.json`;
    if (!existsSync(refused) && !existsSync(path)) return undefined;
    const until = performance.now() + REASON_MS;
    for (;;) {
      const reason = readReason(path);
      if (reason !== undefined) return reason;
      if (performance.now() >= until) break;
      await sleep(LOOK_MS);
    }
    return { code: "MAIL_INVALID", message: `It was refused; why cannot be read from ${path}.`, next: "" };
  }
}

/** Undefined when the file is not there, or not whole yet. */
function readReason(path: string): MailReason | undefined {
  try {
    const { code, message, next } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    return { code: String(code), message: String(message), next: typeof next === "string" ? next : "" };
  } catch {
    return undefined;
  }
}
