import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import pc from "picocolors";
import type { Client } from "../client/client.ts";
import type { Entry } from "../model/entry.ts";
import { messageOf } from "../model/errors.ts";
import { entryLine } from "../model/event-text.ts";
import { formatSize } from "../model/size.ts";
import { parseCount, parseDurationFrom } from "../model/option-values.ts";
import type { CLIContext } from "./context.ts";
import { isScreen, untilEnded, written } from "./following.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { jsonLine, table, visible } from "./output.ts";
import { type Processes, processTables, readProcesses, shownWorkers } from "./ps.ts";

interface TopOptions {
  readonly interval: number;
  readonly count?: number;
  readonly json?: boolean;
}

/** One look at the house; rates are since the look before it. */
interface Look extends Processes {
  readonly atMs: number;
  readonly position: number;
  readonly entriesPerSecond: number;
  readonly store: { readonly bytes: number; readonly logRows: number; readonly trouble: string | null };
  readonly rates: readonly { readonly worker: string; readonly linesPerSecond: number; readonly bytesPerSecond: number }[];
  /** The newest, oldest first. */
  readonly events: readonly Entry[];
}

const EVENTS = 8;
const CLEAR = "\u001b[H\u001b[J";
const OTHER_SCREEN = "\u001b[?1049h\u001b[?25l";
const OWN_SCREEN = "\u001b[?1049l\u001b[?25h";

export function addTopCommand(program: Command, context: CLIContext): void {
  program
    .command("top")
    .description(
      "All processes, agents and modules, how much they write, and what happened last, drawn anew until Ctrl-C; in a pipe one look.",
    )
    .addOption(
      new Option("--interval <duration>", "how long from one look to the next")
        .default(2000, "2s")
        .argParser(parseDurationFrom("200ms", "1h")),
    )
    .option("--count <looks>", "how many looks (on a terminal until Ctrl-C, else 1)", parseCount(1, 1_000_000_000))
    .option("--json", "print each look as JSON on a line")
    .action(async (options: TopOptions, command: Command) => {
      await showTop(await openOrchestratorClient(command, context), options, context);
    });
}

export async function showTop(client: Client, { interval, count, json }: TopOptions, context: CLIContext): Promise<void> {
  const stdout = context.stdout as Partial<NodeJS.WriteStream> & CLIContext["stdout"];
  const redraws = isScreen(context) && !json;
  const signal = untilEnded(context);
  let left = count ?? (redraws ? Infinity : 1);
  if (redraws) stdout.write(OTHER_SCREEN);
  try {
    // Rates need two looks.
    let before = await look(client, null);
    if (redraws) await written(context, screen(before, stdout));
    while (left > 0 && !signal.aborted) {
      await delay(interval, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      let now: Look;
      try {
        now = await look(client, before);
      } catch (error) {
        // Somebody looks on; the orchestrator may be started anew.
        if (!redraws) throw error;
        await written(context, `${screen(before, stdout)}\n${pc.red(visible(messageOf(error)))}`);
        continue;
      }
      if (json) await written(context, jsonLine(now));
      else await written(context, redraws ? screen(now, stdout) : `${lines(now).join("\n")}\n`);
      before = now;
      left -= 1;
    }
  } finally {
    if (redraws) stdout.write(OWN_SCREEN);
  }
}

async function look(client: Client, before: Look | null): Promise<Look> {
  const [seen, house, events] = await Promise.all([
    readProcesses(client),
    client.call("house.status", {}),
    client.call("entries.list", { kinds: ["event", "error", "lost"], limit: EVENTS }),
  ]);
  const atMs = Date.now();
  const perSecond = (now: number, then: number | undefined): number =>
    before === null || then === undefined ? 0 : Math.round((Math.max(0, now - then) * 1000) / Math.max(1, atMs - before.atMs));
  return {
    atMs,
    position: house.position,
    entriesPerSecond: perSecond(house.position, before?.position),
    store: house.store,
    rates: seen.workers.map(({ worker, logs }) => {
      const then = before?.workers.find((one) => one.worker === worker)?.logs;
      return { worker, linesPerSecond: perSecond(logs.rows, then?.rows), bytesPerSecond: perSecond(logs.bytes, then?.bytes) };
    }),
    events: events.items,
    ...seen,
  };
}

function lines(now: Look): string[] {
  const { rates, workers, store } = now;
  const rows = shownWorkers(workers, now.atMs).map(({ worker, state, logs }) => {
    const rate = rates.find((one) => one.worker === worker);
    const perSecond = [String(rate?.linesPerSecond ?? 0), `${formatSize(rate?.bytesPerSecond ?? 0)}/s`];
    return [worker, state, ...perSecond, String(logs.rows), formatSize(logs.bytes)];
  });
  return [
    `${pc.bold("novabot")}  ${new Date(now.atMs).toISOString()}  ${now.entriesPerSecond} entries/s, ${store.logRows} lines kept in ${formatSize(store.bytes)}`,
    ...(store.trouble === null ? [] : [pc.red(visible(store.trouble))]),
    ...processTables(now, now.atMs).flatMap((part) => ["", ...part]),
    ...(rows.length > 0 ? ["", ...table(["WORKER", "STATE", "LINES/S", "BYTES/S", "LINES", "SIZE"], rows)] : []),
    ...(now.events.length > 0 ? ["", pc.dim("LAST EVENTS"), ...now.events.map((entry) => entryLine(entry).trimEnd())] : []),
  ];
}

/** As much of it as the terminal holds. */
function screen(now: Look, { columns = 80, rows = 24 }: { readonly columns?: number; readonly rows?: number }): string {
  const fitting = lines(now)
    .slice(0, Math.max(1, rows - 1))
    .map((line) => cut(line, columns));
  return `${CLEAR}${fitting.join("\r\n")}`;
}

/** The first `columns` characters, without counting what only colours them. */
function cut(line: string, columns: number): string {
  let shown = "";
  let left = columns;
  for (const [part] of line.matchAll(/\u001b\[\d+m|./gsu)) {
    if (part.length > 1 && part.startsWith("\u001b")) shown += part;
    else if ((left -= 1) >= 0) shown += part;
  }
  return shown;
}
