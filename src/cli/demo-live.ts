import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import pc from "picocolors";
import type { Home } from "../agents/home/home.ts";
import { findRecord } from "../agents/run/records.ts";
import type { Engine } from "../engine/engine.ts";
import { createLogger } from "../host/installation.ts";
import type { Serve as Served } from "../host/serve/serve.ts";
import { NovaError } from "../model/errors.ts";
import type { OutgoingMessage } from "../model/message.ts";
import type { RunRecord } from "../model/run.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, visible } from "./output.ts";

interface Answered {
  readonly message: OutgoingMessage;
  readonly afterMs: number;
}

/** How long the container of the next answer may take to stand ready. */
const readyMs = 30_000;
/** Ada does not write again at once; meanwhile what was just started in the container has loaded. */
const writingMs = 700;

/**
 * Serves the demo's home and writes into a chat of it, twice: the second answer comes from a container that was made ahead. Gives
 * the runs' records.
 */
export async function playLive(
  home: Home,
  engine: Engine,
  chatJid: string,
  options: { readonly context: CLIContext; readonly quiet: boolean; readonly signal: AbortSignal },
): Promise<RunRecord[]> {
  const { context, quiet, signal } = options;
  const say = quiet ? (): void => undefined : context.print;
  const waiting: ((message: OutgoingMessage) => void)[] = [];
  // Loading it would cost every other command's start some ten milliseconds.
  const { Serve } = await import("../host/serve/serve.ts");
  const serve = await Serve.open({
    home,
    engine,
    env: context.env,
    logger: createLogger(context.env, "silent"),
    chats: () => ({ send: async (message) => waiting.shift()?.(message) }),
  });
  const runs: string[] = [];
  const givenUp = new Promise<never>((_resolve, reject) => {
    const refuse = (): void => reject(new NovaError("RUN_CANCELLED", "The demo was cancelled.", { next: "Run it again." }));
    if (signal.aborted) refuse();
    else signal.addEventListener("abort", refuse, { once: true });
  });
  givenUp.catch(() => undefined);
  const ask = async (text: string): Promise<Answered> => {
    const answered = Promise.withResolvers<Answered>();
    const began = performance.now();
    waiting.push((message) => answered.resolve({ message, afterMs: performance.now() - began }));
    const timestamp = new Date().toISOString();
    await serve.queue.deliver({ chatJid, sender: "Ada", text, id: randomUUID(), timestamp });
    return await Promise.race([answered.promise, givenUp]);
  };
  try {
    say("");
    say(`${pc.bold("serve")} ${pc.dim("keeps the home alive: messages queue, and a container stands ready for the next one")}`);
    for (const text of ["Are you there?", "And now?"]) {
      const { message, afterMs } = await ask(text);
      if (message.kind !== "answer") {
        throw new NovaError("AGENT_ERROR", `The demo's agent did not answer: ${message.text}`, {
          place: chatJid,
          next: "Look at `novabot doctor`.",
        });
      }
      if (message.run !== null) runs.push(message.run);
      say(`  ${pc.dim("Ada writes")}  ${text}`);
      say(`  ${pc.cyan("│")} ${visible(message.text).split("\n")[0] ?? ""}`);
      say(pc.dim(`  in the chat after ${formatDuration(Math.round(afterMs))}`));
      await Promise.race([standsReady(serve, signal), givenUp]);
    }
    const { proveContainers } = await import("./demo-check.ts");
    await proveContainers(home, engine, { context, quiet });
  } finally {
    await serve.close();
  }
  return await Promise.all(runs.map(async (run) => await findRecord(home, run)));
}

/** Waits until the group's next container is there; without one the next answer only comes later. */
async function standsReady(serve: Served, signal: AbortSignal): Promise<void> {
  const until = performance.now() + readyMs;
  const isReady = (): boolean =>
    serve.status().pool.some(({ state }) => state === "idle") && serve.status().groups.every(({ live }) => live === null);
  while (!isReady() && !signal.aborted && performance.now() < until) await delay(50);
  await delay(writingMs);
}
