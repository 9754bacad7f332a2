import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { Journal } from "../records/journal.ts";
import { NovaError } from "../../model/errors.ts";
import { batchesOf } from "./batches.ts";
import type { Outlet } from "./desk.ts";
import { watchAppends } from "./follow.ts";

/** Records and bytes that are read from the journal at once. */
const BATCH = { records: 2_000, bytes: 262_144 } as const;
/** A line that comes by itself goes at once; those that come so soon after it share a message: each one costs the collector more than its lines do. */
export const GATHER_MS = 50;
/** So many are enough for a message of their own. */
const ENOUGH = 200;
const MOST_CREDIT = 100_000_000;

/** Sends a collector what it does not keep yet: what earlier boots left behind, then this boot's records as they come. Never more than it gave credit for. */
export class Feed {
  readonly #journal: Journal;
  readonly #outlet: Outlet;
  /** Earlier boots that left something, oldest first. */
  readonly #earlier: readonly string[];
  /** The last record of each boot that the collector has, as far as we know. */
  readonly #after = new Map<string, number>();
  readonly #sent = new Map<string, number>();
  #credit: number;
  #acknowledged = 0;
  #changed: (() => void)[] = [];

  /** Throws LINK_PROTOCOL where the collector says that it has what never was. */
  constructor(
    journal: Journal,
    outlet: Outlet,
    have: readonly { readonly bootID: string; readonly seq: number }[],
    credit: number,
  ) {
    this.#journal = journal;
    this.#outlet = outlet;
    this.#credit = credit;
    const backlog = new Map(journal.backlog().map((boot) => [boot.bootID, boot]));
    this.#earlier = [...backlog.keys()].filter((id) => id !== journal.bootID);
    for (const { bootID, seq: kept } of have) {
      const last = bootID === journal.bootID ? journal.lastSeq : backlog.get(bootID)?.lastSeq;
      // A boot of which nothing is left is not ours to judge.
      if (last === undefined) continue;
      if (kept > last && bootID === journal.bootID)
        throw new NovaError("LINK_PROTOCOL", `record ${kept} of the boot ${bootID} is said to be kept, and the last is ${last}`);
      // Records are sent before they are on the disk: of a boot that was killed the collector may have more than is left here.
      const seq = Math.min(kept, last);
      this.#after.set(bootID, seq);
      this.#sent.set(bootID, seq);
      if (seq > 0) journal.acknowledge(bootID, seq);
      if (bootID === journal.bootID) this.#acknowledged = seq;
    }
    for (const boot of backlog.values())
      if (!this.#after.has(boot.bootID)) this.#after.set(boot.bootID, Math.max(0, boot.firstSeq - 1));
  }

  credit(records: number): void {
    this.#credit = Math.min(this.#credit + records, MOST_CREDIT);
    this.#tell();
  }

  /** Throws LINK_PROTOCOL for what was not sent. */
  acknowledge(bootID: string, seq: number): void {
    const sent = this.#sent.get(bootID);
    if (sent === undefined || seq > sent)
      throw new NovaError("LINK_PROTOCOL", `record ${seq} of the boot ${bootID} is acknowledged, and was not sent`);
    this.#journal.acknowledge(bootID, seq);
    if (bootID === this.#journal.bootID) this.#acknowledged = Math.max(this.#acknowledged, seq);
    this.#tell();
  }

  /** Resolves when this boot's records up to `seq` are acknowledged, or at the signal that `run` was given. */
  async acknowledged(seq: number, signal: AbortSignal): Promise<void> {
    while (this.#acknowledged < seq && !signal.aborted) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  /** Sends until the signal. Rejects when the journal does. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#tell(), { once: true });
    const present = this.#journal.bootID;
    for (const boot of this.#earlier) {
      while (!signal.aborted && (await this.#sendSome(boot, signal)));
    }
    const appended = watchAppends(this.#journal);
    let sentAtMs = 0;
    try {
      while (!signal.aborted) {
        const waiting = this.#journal.lastSeq - (this.#after.get(present) ?? 0);
        const early = sentAtMs + GATHER_MS - performance.now();
        if (waiting > 0 && waiting < ENOUGH && early > 0) await sleep(early, undefined, { signal });
        if (await this.#sendSome(present, signal)) sentAtMs = performance.now();
        else await appended.next(signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      appended.close();
    }
  }

  /** False when there is nothing more of that boot. */
  async #sendSome(bootID: string, signal: AbortSignal): Promise<boolean> {
    while (this.#credit < 1 && !signal.aborted) await new Promise<void>((resolve) => this.#changed.push(resolve));
    await this.#outlet.room();
    if (signal.aborted) return false;
    const records = await this.#journal.read(bootID, this.#after.get(bootID) ?? 0, {
      records: Math.min(BATCH.records, this.#credit),
      bytes: BATCH.bytes,
    });
    for (const batch of batchesOf(bootID, records)) {
      await this.#outlet.room();
      const last = batch.records.at(-1)?.seq;
      if (signal.aborted || last === undefined) return false;
      this.#after.set(bootID, Math.max(last, this.#after.get(bootID) ?? 0));
      this.#sent.set(bootID, Math.max(last, this.#sent.get(bootID) ?? 0));
      this.#credit -= batch.records.length;
      this.#outlet.send(JSON.stringify({ type: "records", ...batch }));
    }
    if (records.length === 0) return false;
    // Records in memory are read and written without waiting: terminals and instances get their turn in between.
    await setImmediate();
    return true;
  }

  #tell(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}
