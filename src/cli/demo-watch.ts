import { PassThrough, Readable } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";
import pc from "picocolors";
import type { Home } from "../agents/home/home.ts";
import { findRecord } from "../agents/run/records.ts";
import { type Client, openClient } from "../client/client.ts";
import type { Engine } from "../engine/engine.ts";
import { buildSmallWorker } from "../host/images/small-worker.ts";
import { createLogger } from "../host/installation.ts";
import { findUp } from "../host/up/find-up.ts";
import { type StartedWorker, startWorker } from "../host/workers/start.ts";
import { stopWorker } from "../host/workers/stop.ts";
import { withWorkers, type Workers } from "../host/workers/workers.ts";
import type { EntryFilter, Entry } from "../model/entry.ts";
import { NovaError } from "../model/errors.ts";
import type { RunRecord } from "../model/run.ts";
import type { TerminalDial } from "../workers/terminal/dial.ts";
import type { WorkerSettings } from "../workers/worker.ts";
import type { CLIContext } from "./context.ts";
import { connectByWS } from "./orchestrator-socket.ts";
import { visible } from "./output.ts";
import { buildImage } from "./prepare.ts";
import { buildProgress } from "./progress.ts";

const WORKER = "shop";
/** How long one step may take on a slow machine. */
const STEP_MS = 60_000;

/** Runs on. */
const web = `let n = 0; setInterval(() => console.log(JSON.stringify({ level: "info", msg: "served", requests: ++n })), 500);`;
/** Takes three orders and falls over the fourth, again and again. */
const checkout = `
const orders = [{ customer: { name: "Ada" } }, { customer: { name: "Ben" } }, { customer: { name: "Cleo" } }, {}];
const take = () => { const order = orders.shift(); console.log("order of " + order.customer.name); setTimeout(take, 150); };
take();`;

export interface WatchOptions {
  readonly context: CLIContext;
  readonly quiet: boolean;
  readonly install: boolean;
  readonly signal: AbortSignal;
}

/**
 * Brings the demo's home up with its orchestrator, starts a worker in which one process keeps crashing, lets an agent answer, and looks at all of it
 * with the commands that a person would use. Gives the agent's run.
 */
export async function playWatch(
  home: Home,
  engine: Engine,
  chatJid: string,
  { context, quiet, install, signal }: WatchOptions,
): Promise<RunRecord> {
  const { openUp } = await import("../host/up/up.ts");
  const say = quiet ? (): void => undefined : context.print;
  const image = await workerImage(engine, context, install);
  say("");
  say(`${pc.bold("up")} ${pc.dim("runs it all and keeps what happened, whatever becomes of the containers")}`);
  const up = await openUp({
    ...{ home, engine, env: context.env },
    logger: createLogger(context.env, "silent"),
    config: { listen: { host: "127.0.0.1", port: 0 }, checkEveryMs: null },
  });
  try {
    const { url, token } = await findUp(home);
    const client = openClient({ url, token, connect: connectByWS });
    return await withWorkers({ home, engine, env: context.env }, async (workers) => {
      await startShop(workers, image, signal);
      say(pc.dim(`  the worker ${WORKER} runs; in it a process starts that falls over its fourth order, and Ada writes again`));
      try {
        const run = await play(client, chatJid, signal);
        if (!quiet) await show(client, run, context);
        return await findRecord(home, run);
      } finally {
        await stopWorker(workers, WORKER, { forget: true, removeData: true });
      }
    });
  } finally {
    await up.close();
  }
}

/** An image with the supervisor in it: the small one, which takes seconds, or where that cannot be made the real one. */
async function workerImage(engine: Engine, context: CLIContext, install: boolean): Promise<string | undefined> {
  const say = (line: string): void => context.note(line);
  const small = await buildSmallWorker(engine, { env: context.env, say, progress: buildProgress(context) });
  if (!small) await buildImage(context, engine, "worker", { install });
  return small?.tag;
}

async function startShop(workers: Workers, image: string | undefined, signal: AbortSignal): Promise<StartedWorker> {
  const settings: Partial<WorkerSettings> = {
    ...(image === undefined ? {} : { image }),
    argv: ["node", "-e", web],
    instance: "web",
    memoryBytes: 2 ** 28,
    cpus: 1,
  };
  return await startWorker(workers, WORKER, { settings, signal });
}

/** Starts what crashes, lets the agent answer, and waits for both. Gives the run's id. */
async function play(client: Client, chatJid: string, signal: AbortSignal): Promise<string> {
  await seen(
    client,
    { workers: [WORKER], kinds: ["event"] },
    0,
    signal,
    (entry) => entry.kind === "event" && entry.event.type === "worker" && entry.event.state === "linked",
  );
  const { position } = await client.call("house.status", {});
  await client.call("process.start", {
    ...{ instanceId: "checkout", worker: WORKER },
    spec: { argv: ["node", "-e", checkout], restart: { ...restart, delayMs: 200 } },
  });
  await client.call("messages.send", { chatJid, text: "Who is watching?" });
  const [, settled] = await Promise.all([
    seen(
      client,
      { workers: [WORKER], kinds: ["error"] },
      position,
      signal,
      (entry) => entry.kind === "error" && entry.error.count > 1,
    ),
    seen(
      client,
      { kinds: ["event"] },
      position,
      signal,
      (entry) => entry.kind === "event" && entry.event.type === "run" && entry.event.what === "settled",
    ),
  ]);
  if (settled.run !== null) return settled.run;
  throw new NovaError("INTERNAL", "The run that was settled has no id.");
}

const restart = {
  when: "on-failure",
  maxRestarts: null,
  windowMs: 60_000,
  maxDelayMs: 1000,
  healthyAfterMs: 30_000,
} as const;

/** The first entry after the position that is what is waited for. */
async function seen(
  client: Client,
  filter: EntryFilter,
  after: number,
  signal: AbortSignal,
  isMeant: (entry: Entry) => boolean,
): Promise<Entry> {
  const late = AbortSignal.timeout(STEP_MS);
  for await (const part of client.follow(filter, { after, signal: AbortSignal.any([signal, late]) })) {
    const found = part.kind === "entries" ? part.entries.find(isMeant) : undefined;
    if (found) return found;
  }
  if (late.aborted)
    throw new NovaError("INTERNAL", `What the demo waits for did not happen within ${STEP_MS / 1000} s.`, {
      place: JSON.stringify(filter),
      next: "Look at `novabot doctor`; `novabot demo --keep` leaves the logs.",
    });
  throw new NovaError("RUN_CANCELLED", "The demo was cancelled.", { next: "Run it again." });
}

async function show(client: Client, run: string, context: CLIContext): Promise<void> {
  const [{ printProcesses }, { printLogs }, { printErrors }, { printEvents }, { showTop }, { showTerminal }] = await Promise.all([
    import("./ps.ts"),
    import("./logs.ts"),
    import("./errors.ts"),
    import("./events.ts"),
    import("./top.ts"),
    import("./terminal-screen.ts"),
  ]);
  const place = { worker: WORKER };
  const crashing = { ...place, instance: "checkout" };
  await shown("novabot ps", context, (own) => printProcesses(client, own, false));
  await shown(`novabot logs ${WORKER}/checkout --streams stdout --limit 3`, context, (own) =>
    printLogs(client, { place: crashing, streams: ["stdout"], limit: 3, format: "table" }, own),
  );
  await shown(`novabot errors ${WORKER}`, context, (own) => printErrors(client, { place, limit: 10, format: "table" }, own));
  await shown(`novabot events ${WORKER} --limit 4`, context, (own) => printEvents(client, { place, limit: 4 }, own));
  await shown(`novabot events --runs ${run}`, context, (own) => printEvents(client, { runs: [run], limit: 5 }, own));
  await shown(
    "novabot top --interval 1s --count 1 | tail -n 12",
    context,
    (own) => showTop(client, { interval: 1000, count: 1 }, own),
    { from: -12 },
  );
  const dial: TerminalDial = (request, listener, signal) => client.terminal(WORKER, request, listener, signal);
  const stdin = Readable.from([Buffer.from("uname -sm; exit\r")]);
  await shown(
    `echo 'uname -sm; exit' | novabot attach ${WORKER}`,
    context,
    (own) => showTerminal(dial, {}, () => "", { ...own, stdin }),
    { as: plain },
  );
}

/** The screen of a terminal as text: what draws it is left out. */
function plain(printed: string): string {
  return visible(stripVTControlCharacters(printed));
}

/** Prints a command line as one would type it, and what it prints, of which perhaps only the last lines. */
async function shown(
  line: string,
  context: CLIContext,
  run: (own: CLIContext) => Promise<void>,
  { from = 0, as = String }: { readonly from?: number; readonly as?: (printed: string) => string } = {},
): Promise<void> {
  context.print("");
  context.print(`  ${pc.dim("$")} ${pc.bold(line)}`);
  const stdout = new PassThrough();
  const printed = textOf(stdout);
  await run({
    ...context,
    stdout,
    print: (text) => void stdout.write(`${text}\n`),
    printAnswer: (text) => void stdout.write(`${text}\n`),
    setExitCode: () => undefined,
  });
  stdout.end();
  const lines = as(await printed)
    .trimEnd()
    .split("\n")
    .slice(from);
  for (const text of lines) context.print(`  ${text}`.trimEnd());
}
