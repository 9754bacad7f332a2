import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startBare } from "./supervisor/bare.ts";
import { measureCapture } from "./supervisor/capture.ts";
import { measureCrash } from "./supervisor/crash.ts";
import { houseSubject } from "./supervisor/house.ts";
import { measureIdle } from "./supervisor/idle.ts";
import { inOwnProcesses } from "./supervisor/own-processes.ts";
import { startPm2 } from "./supervisor/pm2.ts";
import type { Subject } from "./supervisor/subject.ts";
import { startSupervisord } from "./supervisor/supervisord.ts";
import { compareTerminals } from "./supervisor/terminal.ts";
import { median, percentile, table } from "./table.ts";

// The supervisor of workers beside others: what it takes in, how soon a crashed program runs again, what it weighs, and its terminals.

const status = await inOwnProcesses();
if (status !== null) process.exit(status);

const { values: options } = parseArgs({
  options: {
    lines: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "5" },
    crashes: { type: "string", default: "20" },
    only: { type: "string", multiple: true },
  },
});
const parts = options.only ?? ["idle", "crash", "capture", "terminal"];

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const met = (isMet: boolean): string => (isMet ? "met" : "missed");
const mebibytes = (value: number): string => value.toFixed(0);

async function idle(subjects: readonly Subject[]): Promise<void> {
  const figures = await measureIdle(subjects);
  say("Memory of an idle supervisor with one program, without the program.\n");
  const rows = [...figures].map(([{ name }, { residentMiB, proportionalMiB }]) => [
    name,
    mebibytes(residentMiB),
    mebibytes(proportionalMiB),
  ]);
  say(table(["supervisor", "resident MiB", "proportional MiB"], rows));
}

async function crash(subjects: readonly Subject[]): Promise<void> {
  const rounds = Number(options.crashes);
  const figures = await measureCrash(subjects, directory, rounds);
  say(`From a program's SIGKILL until its successor runs, without a delay configured, ${rounds} rounds by turns.\n`);
  const rows = [...figures].map(([{ name }, times]) => [
    name,
    median(times).toFixed(1),
    percentile(times, 0.9).toFixed(1),
    Math.max(...times).toFixed(1),
  ]);
  say(table(["supervisor", "median ms", "90th percentile", "longest"], rows));
}

async function capture(subjects: readonly Subject[]): Promise<void> {
  const lines = Number(options.lines);
  const rounds = Number(options.rounds);
  const figures = await measureCapture(subjects, directory, lines, rounds);
  say(
    `${lines} lines of 100 bytes of one program, from its beginning until all are kept, ${rounds} rounds by turns after one more.`,
  );
  say(
    "Processor time and peak memory are the supervisor's own. supervisord copies bytes and knows no lines; the bare pipe counts them.\n",
  );
  const rows = [...figures].map(([{ name }, { linesPerSecond, processorMs, peakMiB, missing }]) => [
    name,
    (median(linesPerSecond) / 1e6).toFixed(2),
    (Math.max(...linesPerSecond) / 1e6).toFixed(2),
    median(processorMs).toFixed(0),
    mebibytes(peakMiB),
    String(missing),
  ]);
  say(table(["supervisor", "million lines/s", "best", "processor ms", "peak MiB", "lines missing"], rows));
  const [own, peer] = ["NovaBot", "pm2"].map((name) => [...figures].find(([subject]) => subject.name.startsWith(name))?.[1]);
  if (own === undefined) return;
  const rate = median(own.linesPerSecond);
  say(
    `Aim: 4 million lines/s: ${met(rate >= 4e6)}; under 90 MB: ${met(own.peakMiB * 1.048576 < 90)}; every line there: ${met(own.missing === 0)}.`,
  );
  if (peer !== undefined) {
    const times = rate / median(peer.linesPerSecond);
    say(`Aim: 1.8 times pm2: ${met(times >= 1.8)} (${times.toFixed(1)}).`);
  }
  say("");
}

const directory = mkdtempSync(join(tmpdir(), "novabot-bench-supervisor-"));
const open: Subject[] = [];
try {
  if (parts.some((part) => ["idle", "crash", "capture"].includes(part))) {
    open.push(await houseSubject(directory));
    for (const start of [startPm2, startSupervisord]) {
      try {
        open.push(await start(directory));
      } catch (thrown) {
        say(`Without ${start.name.slice("start".length).toLowerCase()}, which cannot be had here: ${String(thrown)}\n`);
      }
    }
    if (parts.includes("idle")) await idle(open);
    if (parts.includes("crash")) await crash(open);
    if (parts.includes("capture")) await capture([...open, bare()]);
  }
} finally {
  for (const subject of open) await subject.close();
  rmSync(directory, { recursive: true, force: true });
}
if (parts.includes("terminal")) await compareTerminals(say);

function bare(): Subject {
  const subject = startBare();
  open.push(subject);
  return subject;
}
