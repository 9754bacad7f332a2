import type { Hello, PeerMessage } from "../../model/link.ts";
import { NovaError } from "../../model/errors.ts";
import type { RecordBatch, WorkerRecord } from "../../model/record.ts";
import type { Sink } from "./sink.ts";

/** Records on their way and waiting take about so many bytes at most, where nobody says otherwise. */
const HELD_BYTES = 8_388_608;
const MOST_RECORDS = 20_000;
/** Of one call to the sink. */
const KEEP_RECORDS = 10_000;
/** What is kept is acknowledged so much later at most, and at once where much is: the worker only lets go of it. */
const ACK_MS = 100;
const ACK_RECORDS = 1_000;

/** Boots of one worker; each restart of its supervisor is one. */
const MOST_BOOTS = 100_000;

/** Credit before anything is known of the records. */
export const FIRST_CREDIT = 1_000;

/** Brings what one connection sends into the sink, in order and each record once, and gives acknowledgement and credit for it. */
export class Intake {
  readonly #sink: Sink;
  readonly #hello: Hello;
  readonly #send: (message: PeerMessage) => void;
  readonly #last = new Map<string, number>();
  #queue: RecordBatch[] = [];
  #working: Promise<void> = Promise.resolve();
  /** Records that were granted and have not come. */
  #credit = FIRST_CREDIT;
  /** Records that came and are not kept. */
  #held = 0;
  #bytesEach = 1_024;
  #unacknowledged: { readonly bootID: string; readonly seq: number; readonly records: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #heldBytes: () => number;
  readonly #over = new AbortController();

  constructor(
    sink: Sink,
    hello: Hello,
    have: readonly { readonly bootID: string; readonly seq: number }[],
    send: (message: PeerMessage) => void,
    heldBytes: () => number = () => HELD_BYTES,
  ) {
    this.#heldBytes = heldBytes;
    this.#sink = sink;
    this.#hello = hello;
    this.#send = send;
    for (const { bootID, seq } of have) this.#last.set(bootID, seq);
  }

  /** Rejects when they could not be kept, and throws LINK_PROTOCOL when they are out of order or not asked for. `bytes`: of the message. */
  take({ bootID, records }: RecordBatch, bytes: number): Promise<void> {
    if (records.length > this.#credit)
      throw new NovaError("LINK_PROTOCOL", `${records.length} records came, and ${this.#credit} were asked for`);
    if (this.#last.size >= MOST_BOOTS && !this.#last.has(bootID))
      throw new NovaError("LINK_PROTOCOL", `records of more than ${MOST_BOOTS} boots came`);
    let last = this.#last.get(bootID) ?? 0;
    const fresh: WorkerRecord[] = [];
    let before = 0;
    for (const record of records) {
      if (record.seq <= before)
        throw new NovaError("LINK_PROTOCOL", `record ${record.seq} of the boot ${bootID} came after record ${before}`);
      before = record.seq;
      if (record.seq <= last) continue;
      fresh.push(record);
      last = record.seq;
    }
    this.#last.set(bootID, last);
    this.#credit -= records.length;
    this.#held += records.length;
    this.#bytesEach = Math.max(64, this.#bytesEach * 0.8 + (bytes / records.length) * 0.2);
    this.#queue.push({ bootID, records: fresh });
    // What was there before it is kept in the same go; what follows waits for it.
    const many = records.length;
    this.#working = this.#working.then(async () => {
      await this.#keepAll();
      this.#held -= many;
      this.#grant();
    });
    return this.#working;
  }

  /** Nothing is taken any more; resolves when the sink is at rest. */
  async close(): Promise<void> {
    this.#acknowledge();
    this.#over.abort();
    await this.#working.catch(() => {});
  }

  async #keepAll(): Promise<void> {
    while (this.#queue.length > 0 && !this.#over.signal.aborted) {
      const batch = this.#joined();
      const last = batch.records.at(-1);
      if (last === undefined) continue;
      await this.#sink.keep(batch, this.#hello, this.#over.signal);
      this.#kept(batch.bootID, last.seq, batch.records.length);
    }
  }

  #kept(bootID: string, seq: number, records: number): void {
    if (this.#unacknowledged && this.#unacknowledged.bootID !== bootID) this.#acknowledge();
    const { records: more } = this.#unacknowledged ?? { records: 0 };
    this.#unacknowledged = { bootID, seq, records: records + more };
    if (records + more >= ACK_RECORDS) this.#acknowledge();
    else this.#timer ??= setTimeout(() => this.#acknowledge(), ACK_MS);
  }

  #acknowledge(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const { bootID, seq } = this.#unacknowledged ?? {};
    this.#unacknowledged = null;
    if (bootID === undefined || seq === undefined || this.#over.signal.aborted) return;
    this.#send({ type: "ack", bootID, seq });
  }

  /** What waits of one boot, in one batch. */
  #joined(): RecordBatch {
    const [first, ...rest] = this.#queue;
    if (!first) return { bootID: this.#hello.bootID, records: [] };
    const records = [...first.records];
    let used = 1;
    for (const { bootID, records: more } of rest) {
      if (bootID !== first.bootID || records.length + more.length > KEEP_RECORDS) break;
      for (const record of more) records.push(record);
      used++;
    }
    this.#queue = this.#queue.slice(used);
    return { bootID: first.bootID, records };
  }

  #grant(): void {
    const wanted = Math.max(64, Math.min(MOST_RECORDS, Math.floor(this.#heldBytes() / this.#bytesEach)));
    const records = wanted - this.#credit - this.#held;
    if (records < wanted / 2 || this.#over.signal.aborted) return;
    this.#credit += records;
    this.#send({ type: "credit", records });
  }
}
