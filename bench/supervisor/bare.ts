import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Subject } from "./subject.ts";

/** A Node process that reads a program's pipe and counts lines, and keeps none. It restarts nothing. */
export function startBare(): Subject {
  const child = spawn(process.execPath, [join(import.meta.dirname, "bare-pipe.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout });
  let answer: Promise<unknown[]> | undefined;
  return {
    name: "bare pipe, nothing kept",
    pid: child.pid ?? 0,
    async start(_, argv) {
      answer = once(answers, "line");
      child.stdin.write(`${JSON.stringify(argv)}\n`);
      await Promise.resolve();
    },
    async captured() {
      const [count] = (await answer) ?? [];
      return { atMs: Date.now(), lines: async () => await Promise.resolve(Number(count)) };
    },
    remove: async () => await Promise.resolve(),
    async close() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}
