import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { table } from "../table.ts";
import type { HouseOrder, HouseReport } from "./crowd/house.ts";
import type { SubscribersOrder, SubscribersReport } from "./crowd/subscribers.ts";
import type { WorkersOrder, WorkersReport } from "./crowd/workers.ts";

export interface CrowdOptions {
  readonly workers: number;
  readonly linesPerSecond: number;
  readonly subscribers: number;
  readonly seconds: number;
  /** `share`: together they follow all workers; `all`: each follows all. */
  readonly follow: "share" | "all";
}

const WARM_MS = 10_000;

/** How old lines are when subscribers get them, with many workers and subscribers at once; workers, orchestrator and subscribers are a process each. */
export async function measureCrowd(options: CrowdOptions, say: (text: string) => void): Promise<void> {
  const { workers, linesPerSecond, subscribers, seconds, follow } = options;
  const directory = mkdtempSync(join(tmpdir(), "novabot-bench-crowd-"));
  const crowd = new Part<WorkersOrder, WorkersReport>("workers");
  const house = new Part<HouseOrder, HouseReport>("house");
  const readers = new Part<SubscribersOrder, SubscribersReport>("subscribers");
  try {
    const { port } = await crowd.next("ready");
    crowd.send({ type: "start", workers, linesPerSecond });
    house.send({ type: "start", directory, workersPort: port, workers });
    const { url } = await house.next("ready");
    const names = Array.from({ length: workers }, (_, index) => `worker-${index}`);
    const share = (reader: number): readonly string[] => names.filter((_, index) => index % subscribers === reader);
    readers.send({
      type: "start",
      url,
      follow: Array.from({ length: subscribers }, (_, index) => (follow === "all" ? null : share(index))),
    });
    await readers.next("subscribed");
    await sleep(WARM_MS);
    house.send({ type: "measure" });
    readers.send({ type: "measure" });
    await sleep(seconds * 1_000);
    readers.send({ type: "report" });
    house.send({ type: "report" });
    const [seen, figures] = await Promise.all([readers.next("seen"), house.next("figures")]);
    crowd.send({ type: "stop" });
    const stopped = await crowd.next("stopped");
    const made = stopped.made.reduce((sum, many) => sum + many, 0);
    const { last, missing } = await untilAllSeen(readers, stopped.made, follow === "all" ? subscribers : 1);
    house.send({ type: "report" });
    const { kept, peakMiB } = await house.next("figures");
    const at = (part: number): number => quantile(seen.delays, part);
    say(
      `${workers} workers at ${linesPerSecond} lines/s for ${seconds} s, ${subscribers} subscribers, ${follow === "all" ? "each of all workers" : "each of its share of the workers"}.\n`,
    );
    say(
      table(
        ["lines/s made", "delivered/s", "median ms", "90th", "99th", "longest", "orchestrator cores", "MiB", "loop ms"],
        [
          [
            String(workers * linesPerSecond),
            (seen.lines / seconds).toFixed(0),
            String(at(0.5)),
            String(at(0.9)),
            String(at(0.99)),
            String(at(1)),
            (figures.processorMs / seconds / 1_000).toFixed(2),
            figures.rssMiB.toFixed(0),
            figures.loopMs.toFixed(0),
          ],
        ],
      ),
    );
    say(
      `Made ${made}, kept ${kept}, not acknowledged ${stopped.unacknowledged}; not seen ${missing}, out of order ${last.outOfOrder}, gaps ${last.gaps}, links lost ${figures.lost}.`,
    );
    if (stopped.heldBack > 0) say(`Not made ${stopped.heldBack}: so many lines waited in their workers already.`);
    say(`Processor of workers ${stopped.processorMs.toFixed(0)} ms, of subscribers ${seen.processorMs.toFixed(0)} ms in all.`);
    say(
      `At most ${peakMiB.toFixed(0)} MiB were the orchestrator's, ${stopped.peakMiB.toFixed(0)} the workers', ${last.peakMiB.toFixed(0)} the subscribers'.`,
    );
    say(
      `Aim: 99th percentile under 250 ms: ${at(0.99) < 250 ? "met" : "missed"}; nothing lost: ${kept === made && missing === 0 && last.outOfOrder === 0 ? "met" : "missed"}.\n`,
    );
  } finally {
    await Promise.all([crowd.close(), house.close(), readers.close()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

type Seen = Extract<SubscribersReport, { readonly type: "seen" }>;

/** Asks until every line that was made was seen by as many as follow its worker, or nothing more comes. */
async function untilAllSeen(
  readers: Part<SubscribersOrder, SubscribersReport>,
  made: readonly number[],
  followers: number,
): Promise<{ readonly last: Seen; readonly missing: number }> {
  for (let before = -1; ;) {
    await sleep(500);
    readers.send({ type: "report" });
    const last = await readers.next("seen");
    const seen = last.last.flat().reduce((sum, [, seq]) => sum + seq, 0);
    const missing = made.reduce((sum, many) => sum + many, 0) * followers - seen;
    if (missing === 0 || seen === before) return { last, missing };
    before = seen;
  }
}

/** Of counts by their index. */
function quantile(counts: readonly number[], part: number): number {
  const all = counts.reduce((sum, many) => sum + many, 0);
  let below = 0;
  return counts.findIndex((many) => (below += many) >= Math.ceil(all * part) && below > 0);
}

/** A process that takes orders and reports. */
class Part<Order, Report extends { readonly type: string }> {
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];
  readonly #ended: Promise<void>;
  #wake: () => void = () => {};
  #isOver = false;

  constructor(name: string) {
    this.#child = fork(join(import.meta.dirname, `crowd/${name}.ts`), { stdio: "inherit" });
    this.#child.on("message", (report) => {
      this.#reports.push(report as Report);
      this.#wake();
    });
    this.#ended = new Promise((resolve) =>
      this.#child.once("exit", () => {
        this.#isOver = true;
        this.#wake();
        resolve();
      }),
    );
  }

  send(order: Order): void {
    this.#child.send(order as object);
  }

  async next<Type extends Report["type"]>(type: Type): Promise<Extract<Report, { readonly type: Type }>> {
    for (;;) {
      const index = this.#reports.findIndex((report) => report.type === type);
      const [report] = index === -1 ? [] : this.#reports.splice(index, 1);
      if (report) return report as Extract<Report, { readonly type: Type }>;
      if (this.#isOver) throw new Error(`a process of the benchmark ended before it told ${type}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async close(): Promise<void> {
    if (!this.#isOver) this.#child.disconnect();
    await this.#ended;
  }
}
