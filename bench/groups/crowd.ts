import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { liveGroup, numbersIn, serveBed, textOf } from "./bed.ts";

export interface CrowdFigures {
  readonly groups: number;
  readonly messages: number;
  readonly seconds: number;
  readonly runs: number;
  /** Messages that no answer named, that several did, and answers out of their group's order. */
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  /** Milliseconds from a message's delivery to its acknowledgement. */
  readonly acknowledgedMs: readonly number[];
  /** Most containers at work at once. */
  readonly mostAtOnce: number;
  /** Mebibytes that this process grew by at most. */
  readonly memoryMiB: number;
  readonly loopDelayP50Ms: number;
  readonly loopDelayP99Ms: number;
}

/** Half of the messages come at once, the others one after the other for so long. */
const spreadMs = 10_000;

/** `messages` messages for `groups` groups, answered through five slots. */
export async function measureCrowd(socket: string, groups: number, messages: number): Promise<CrowdFigures> {
  const folders = Array.from({ length: groups }, (_, index) => `crowd-${index}`);
  const bed = await serveBed(
    socket,
    folders.map((folder) => liveGroup(folder, "warm")),
    { NOVABOT_MAX_CONTAINERS: "5" },
  );
  const delay = monitorEventLoopDelay({ resolution: 1 });
  try {
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    let most = before;
    let mostAtOnce = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
      mostAtOnce = Math.max(mostAtOnce, bed.serve.status().groups.filter(({ live }) => live !== null).length);
    }, 50);
    const answered = new Map<string, number[]>();
    let runs = 0;
    let left = messages;
    const all = Promise.withResolvers<void>();
    bed.onMessage = ({ chatJid, text }) => {
      runs += 1;
      const numbers = numbersIn(text);
      answered.set(chatJid, [...(answered.get(chatJid) ?? []), ...numbers]);
      left -= numbers.length;
      if (left <= 0) all.resolve();
    };
    delay.enable();
    const began = performance.now();
    const acknowledgedMs: number[] = [];
    await Promise.all(
      Array.from({ length: messages }, async (_, number) => {
        if (number >= messages / 2) await sleep(((2 * number) / messages - 1) * spreadMs);
        const from = performance.now();
        await bed.serve.queue.deliver({
          chatJid: `local:${folders[number % groups]}`,
          sender: "Bench",
          text: textOf(number),
          id: `crowd-${number}`,
          timestamp: new Date().toISOString(),
        });
        acknowledgedMs.push(performance.now() - from);
      }),
    );
    await all.promise;
    const seconds = (performance.now() - began) / 1000;
    delay.disable();
    clearInterval(watch);
    const named = [...answered.values()].flat();
    return {
      groups,
      messages,
      seconds,
      runs,
      lost: messages - new Set(named).size,
      doubled: named.length - new Set(named).size,
      outOfOrder: [...answered.values()].reduce(
        (sum, numbers) => sum + numbers.filter((number, at) => number < (numbers[at - 1] ?? -1)).length,
        0,
      ),
      acknowledgedMs,
      mostAtOnce,
      memoryMiB: (most - before) / 2 ** 20,
      loopDelayP50Ms: delay.percentile(50) / 1e6,
      loopDelayP99Ms: delay.percentile(99) / 1e6,
    };
  } finally {
    await bed.close();
  }
}
