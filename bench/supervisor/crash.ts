import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Subject } from "./subject.ts";

/** Between two crashes, so that no subject is still busy with the last one. */
const QUIET_MS = 50;

/** Milliseconds from the moment a program is killed until its successor, a shell, says that it runs; each subject by turns. */
export async function measureCrash(
  subjects: readonly Subject[],
  directory: string,
  rounds: number,
): Promise<ReadonlyMap<Subject, readonly number[]>> {
  const id = "crash";
  const programs = [];
  for (const [index, subject] of subjects.entries()) {
    const path = join(directory, `running-${index}`);
    execFileSync("mkfifo", [path]);
    // Open for writing, too: it does not end while no program runs.
    const socket = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false });
    const lines = createInterface({ input: socket });
    const running = once(lines, "line");
    await subject.start(id, ["/bin/sh", "-c", `echo $$ > ${path}; exec sleep 1000000`], true);
    const [pid] = (await running) as string[];
    programs.push({ subject, lines, socket, pid: Number(pid), times: [] as number[] });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const program of programs) {
      await sleep(QUIET_MS);
      const running = once(program.lines, "line");
      const began = performance.now();
      process.kill(program.pid, "SIGKILL");
      const [pid] = (await running) as string[];
      program.times.push(performance.now() - began);
      program.pid = Number(pid);
    }
  }
  for (const { subject, lines, socket } of programs) {
    lines.close();
    socket.destroy();
    await subject.remove(id);
  }
  return new Map(programs.map(({ subject, times }) => [subject, times]));
}
