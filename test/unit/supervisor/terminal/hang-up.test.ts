import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { hangUp } from "../../../../src/supervisor/terminal/hang-up.ts";
import { Pty, type PtyEnd } from "../../../../src/supervisor/terminal/pty.ts";

const GRACE_MS = 20_000;

/** A process that leads no session, as one of a terminal leads none just after its fork. */
function unled(): { readonly child: ChildProcess; readonly pid: number } {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  if (child.pid === undefined) throw new Error("sleep cannot be started");
  return { child, pid: child.pid };
}

test("a program is ended also before it leads a session", async () => {
  const { child, pid } = unled();
  const exit = once(child, "exit");
  await hangUp(pid, GRACE_MS, () => child.signalCode === null);
  expect(await exit).toEqual([null, "SIGHUP"]);
});

test("who has the number of a leader that ended is left alone", async () => {
  const { child, pid } = unled();
  await hangUp(pid, 0, () => false);
  expect(child.kill("SIGTERM")).toBe(true);
  expect(await once(child, "exit")).toEqual([null, "SIGTERM"]);
});

test("a terminal that is closed as it opens is over", async () => {
  for (let count = 0; count < 50; count += 1) {
    const { promise: ended, resolve } = Promise.withResolvers<PtyEnd>();
    let isThere = true;
    const onExit = (end: PtyEnd): void => {
      isThere = false;
      resolve(end);
    };
    const spec = { file: "/bin/sh", args: [], env: {}, directory: "/", columns: 80, rows: 24 };
    const pty = new Pty(spec, { onExit, onData: () => undefined, onEnd: () => undefined });
    await hangUp(pty.pid, GRACE_MS, () => isThere);
    expect(await ended).toEqual({ exitCode: null, signal: "SIGHUP" });
  }
});
