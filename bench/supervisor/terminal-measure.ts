import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "./process-figures.ts";
import { slowLink } from "./terminal-link.ts";
import type { Shell, TerminalSubject } from "./terminal-subject.ts";

/** Resolves with when the output has this in it; what came before is not kept. */
async function says(shell: Shell, text: string): Promise<number> {
  let tail = "";
  return await new Promise<number>((resolve, reject) => {
    shell.onOutput = (bytes) => {
      const found = bytes.includes(text) || (tail + bytes.toString("latin1", 0, text.length)).includes(text);
      tail = (tail + bytes.toString("latin1", Math.max(0, bytes.length - text.length))).slice(-text.length);
      if (!found) return;
      shell.onOutput = () => undefined;
      resolve(performance.now());
    };
    void shell.ended.then(() => reject(new Error(`a terminal ended before it said ${text}`)));
  });
}

/** Megabytes a second of `cat` of a file. */
export async function catRate(subject: TerminalSubject, file: string, bytes: number): Promise<number> {
  const shell = await subject.open(subject.port);
  const start = performance.now();
  shell.type(`cat '${file}'; echo D''ONE\n`);
  const end = await says(shell, "DONE");
  shell.close();
  return bytes / 1000 / (end - start);
}

/** Milliseconds from a key to its echo, key by key, while so many other terminals are flooded. */
export async function echoTimes(subject: TerminalSubject, keys: number, floods: number): Promise<number[]> {
  const others = floods === 0 ? null : await startFloods(subject, floods);
  const shell = await subject.open(subject.port);
  const ready = says(shell, "READY");
  shell.type("echo REA''DY; exec cat\n");
  await ready;
  await sleep(300);
  const times: number[] = [];
  for (let key = 0; key < keys; key += 1) {
    const letter = String.fromCharCode(97 + (key % 26));
    const start = performance.now();
    const echoed = says(shell, letter);
    shell.type(letter);
    times.push((await echoed) - start);
    await sleep(3);
    if (key % 1000 === 999) shell.type("\x15");
  }
  shell.close();
  others?.stdin.end();
  if (others !== null) await once(others, "exit");
  await sleep(300);
  return times;
}

/** Terminals of somebody else, in a process of their own: what they put out must not hold up whoever waits here for an echo. */
async function startFloods(
  { way, port }: TerminalSubject,
  count: number,
): Promise<ChildProcessByStdio<Writable, Readable, null>> {
  const program = fileURLToPath(new URL("terminal-floods.ts", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(way), String(port), String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the floods ended before they began")));
  await Promise.race([once(child.stdout, "data"), ended]);
  ended.catch(() => undefined);
  return child;
}

export interface Interrupted {
  readonly quietMs: number;
  readonly peakMiB: number;
}

/** A flood over a link of this speed, then Ctrl-C: until the last byte has come. */
export async function interrupt(subject: TerminalSubject, bytesPerSecond: number): Promise<Interrupted> {
  // From here on the highest mark is this measurement's.
  writeFileSync(`/proc/${subject.pid}/clear_refs`, "5");
  const link = await slowLink(subject.port, bytesPerSecond);
  const shell = await subject.open(link.port);
  shell.type("yes 'a line of a flood, as long as many lines of a log are, and then a little longer'\n");
  await sleep(2500);
  let last = performance.now();
  shell.onOutput = () => (last = performance.now());
  const start = performance.now();
  shell.type("\x03");
  while (performance.now() - last < 500) await sleep(50);
  const { peakMiB } = memoryOf(subject.pid);
  shell.close();
  await link.close();
  return { quietMs: last - start, peakMiB };
}

/** Bytes that did not come of many programs that put something out and end. */
export async function lostInExits(subject: TerminalSubject, exits: number): Promise<number> {
  const wanted = Array.from({ length: 4000 }, (_, line) => `${line + 1}\r\n`).join("") + "END";
  let lost = 0;
  for (let exit = 0; exit < exits; exit += 1) {
    const shell = await subject.open(subject.port);
    let text = "";
    shell.onOutput = (bytes) => (text += bytes.toString("latin1"));
    shell.type("exec sh -c \"printf BE''GIN; seq 1 4000; printf END\"\n");
    await shell.ended;
    shell.close();
    const begin = text.indexOf("BEGIN");
    const came = begin === -1 ? "" : text.slice(begin + 5);
    lost += came === wanted ? 0 : Math.max(1, wanted.length - came.length);
  }
  return lost;
}
