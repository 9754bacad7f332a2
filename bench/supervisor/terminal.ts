import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, percentile, table } from "../table.ts";
import { catRate, echoTimes, interrupt, lostInExits } from "./terminal-measure.ts";
import { housed, plain, type TerminalSubject } from "./terminal-subject.ts";
import { wetty } from "./terminal-wetty.ts";

const LINES = 1_000_000;
const LINK = 5_000_000;
const FLOODS = 4;
const EXITS = 200;
const KEYS = 1000;

/** Terminals of the supervisor beside what one would write by hand, and a program for it. */
export async function compareTerminals(say: (text: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "novabot-bench-terminal-"));
  const subjects: TerminalSubject[] = [];
  try {
    subjects.push(await housed(directory));
    for (const start of [plain, wetty]) {
      try {
        subjects.push(await start());
      } catch (thrown) {
        say(`Without ${start.name}, which cannot be had here: ${String(thrown)}\n`);
      }
    }
    await compare(subjects, directory, say);
  } finally {
    for (const subject of subjects) await subject.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function compare(subjects: readonly TerminalSubject[], directory: string, say: (text: string) => void): Promise<void> {
  const file = join(directory, "text");
  const text = openSync(file, "w");
  const block = Buffer.from(`${"x".repeat(99)}\n`.repeat(1000));
  for (let at = 0; at < LINES; at += 1000) writeSync(text, block);
  closeSync(text);

  // First, while nothing else has made the processes large.
  const interrupted = [];
  for (const subject of subjects) interrupted.push(await interrupt(subject, LINK));
  // By turns, so that what else the machine does meets all of them.
  const rates = subjects.map((): number[] => []);
  for (let round = 0; round < 5; round += 1) {
    for (const [index, subject] of subjects.entries()) rates[index]?.push(await catRate(subject, file, LINES * 101));
  }
  const alone = subjects.map((): number[] => []);
  const beside = subjects.map((): number[] => []);
  for (let round = 0; round < 4; round += 1) {
    for (const [index, subject] of subjects.entries()) {
      alone[index]?.push(...(await echoTimes(subject, KEYS / 4, 0)));
      beside[index]?.push(...(await echoTimes(subject, KEYS / 4, FLOODS)));
    }
  }
  const rows: string[][] = [];
  const figures = [];
  for (const [index, subject] of subjects.entries()) {
    const { quietMs, peakMiB } = interrupted[index] ?? { quietMs: Number.NaN, peakMiB: Number.NaN };
    const lost = await lostInExits(subject, EXITS);
    const times = [alone[index] ?? [], beside[index] ?? []];
    const echo = times.flatMap((each) => [median(each), percentile(each, 0.99)]);
    const rate = median(rates[index] ?? []);
    figures.push({ rate, echo, quietMs, peakMiB, lost });
    rows.push([
      subject.name,
      rate.toFixed(0),
      ...echo.map((ms) => ms.toFixed(2)),
      quietMs.toFixed(0),
      peakMiB.toFixed(0),
      String(lost),
    ]);
  }
  say(
    `Terminals: cat of 100 MB; echo of ${KEYS} keys, alone and beside ${FLOODS} floods; Ctrl-C over a link of 5 MB/s until the`,
  );
  say(`last byte has come, and the most memory meanwhile; bytes that were lost in ${EXITS} exits. By turns.\n`);
  const head = ["", "cat MB/s", "echo ms", "99th", "beside ms", "99th", "Ctrl-C ms", "peak MiB", "bytes lost"];
  say(table(head, rows));
  const [own] = figures;
  if (own === undefined) return;
  const met = (isMet: boolean): string => (isMet ? "met" : "missed");
  const [p50 = Number.NaN, p99 = Number.NaN, besideP50 = Number.NaN, besideP99 = Number.NaN] = own.echo;
  say(
    `Aim: 65 MB/s: ${met(own.rate >= 65)}; echo within 0.5 and 3 ms: ${met(p50 <= 0.5 && p99 <= 3)}, ` +
      `beside floods: ${met(besideP50 <= 0.5 && besideP99 <= 3)}; quiet within 250 ms: ${met(own.quietMs < 250)}; ` +
      `under 100 MB: ${met(own.peakMiB * 1.048576 < 100)}; no byte lost: ${met(own.lost === 0)}.`,
  );
}
