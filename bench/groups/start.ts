import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerMode } from "../../src/model/group.ts";
import type { LiveBed } from "./bed.ts";
import { command, liveGroup, numbersIn, serveBed, textOf } from "./bed.ts";

const image = "novabot-agent:latest";

/** Milliseconds from a message's delivery until the agent has it (not known of `docker run`), and until its answer is in the chat. */
export interface StartTime {
  readonly handedMs: number;
  readonly answeredMs: number;
}

export type StartTimes = Readonly<Record<ContainerMode | "docker run", StartTime[]>>;

let number = 0;

async function answerTime(bed: LiveBed, folder: string): Promise<StartTime> {
  const answered = Promise.withResolvers<string>();
  bed.onMessage = ({ text }) => answered.resolve(text);
  let handedMs = Number.NaN;
  bed.onHandOver = () => (handedMs = performance.now() - began);
  number += 1;
  const message = {
    chatJid: `local:${folder}`,
    sender: "Bench",
    text: textOf(number),
    id: randomUUID(),
    timestamp: new Date().toISOString(),
  };
  const began = performance.now();
  await bed.serve.queue.deliver(message);
  const text = await answered.promise;
  const answeredMs = performance.now() - began;
  if (numbersIn(text).join() !== String(number)) throw new Error(`${folder} answered ${JSON.stringify(text)}`);
  return { handedMs, answeredMs };
}

/** The same image and agent, one `docker run` for the message. */
async function dockerTime(socket: string): Promise<StartTime> {
  number += 1;
  const input = { prompt: textOf(number), groupFolder: "bench", chatJid: "local:bench", isMain: false, agent: { command } };
  const began = performance.now();
  const options = ["--rm", "-i", "--network", "none", "--memory", "256m", "--pids-limit", "64", "--cap-drop", "ALL"];
  const child = spawn("docker", ["-H", `unix://${socket}`, "run", ...options, image], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(input));
  let stdout = "";
  let answeredMs = Number.NaN;
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    if (Number.isNaN(answeredMs) && stdout.includes(textOf(number))) answeredMs = performance.now() - began;
  });
  await once(child, "close");
  if (Number.isNaN(answeredMs)) throw new Error(`docker run answered ${JSON.stringify(stdout)}`);
  return { handedMs: Number.NaN, answeredMs };
}

/** Waits until the group has nothing going on, and its container for the next message is there. */
async function settled(bed: LiveBed, idle: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { groups } = bed.serve.status();
    if (
      groups.every(({ live, waiting }) => live === null && waiting === 0) &&
      bed.serve.installation.runs.pool.status().length >= idle
    )
      break;
    if (Date.now() > deadline) throw new Error("the groups did not come to rest");
    await sleep(20);
  }
  await sleep(100);
}

/** Each mode and `docker run` by turns, `rounds` times. */
export async function measureStarts(socket: string, rounds: number): Promise<StartTimes> {
  const modes = ["cold", "warm", "persistent"] as const;
  const bed = await serveBed(
    socket,
    modes.map((mode) => liveGroup(mode, mode)),
    {},
  );
  const times: StartTimes = { cold: [], warm: [], persistent: [], "docker run": [] };
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const mode of modes) {
        await settled(bed, round < 0 ? 0 : 2);
        const took = await answerTime(bed, mode);
        if (round >= 0) times[mode].push(took);
      }
      await settled(bed, 2);
      const took = await dockerTime(socket);
      if (round >= 0) times["docker run"].push(took);
    }
    return times;
  } finally {
    await bed.close();
  }
}
