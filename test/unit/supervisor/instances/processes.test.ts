import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readMarker, writeMarker } from "../../../../src/supervisor/instances/marker.ts";
import {
  laterPIDs,
  readProcess,
  readProcesses,
  startedEver,
  variableOf,
} from "../../../../src/supervisor/instances/processes.ts";
import { temporaryDirectory } from "./house.ts";

it("reads a process whose name is made to confuse", async () => {
  const program = join(temporaryDirectory(), "a) Z 1 (2 3");
  copyFileSync("/bin/sleep", program);
  const child = spawn(program, ["3600"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  expect(readFileSync(`/proc/${child.pid}/comm`, "utf8")).toBe("a) Z 1 (2 3\n");
  const entry = readProcess(child.pid ?? 0);
  expect(entry).toMatchObject({ pid: child.pid, parent: process.pid, group: child.pid, session: child.pid, alive: true });
  expect(readProcesses().get(child.pid ?? 0)).toEqual(entry);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(readProcess(child.pid ?? 0)).toBeNull();
});

it("tells a zombie from the living", async () => {
  const child = spawn("/bin/sh", ["-c", "sleep 0 & exec sleep 3600"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const zombies = (): unknown[] => [...readProcesses().values()].filter(({ parent, alive }) => parent === child.pid && !alive);
  await expect.poll(zombies, { timeout: 20_000, interval: 10 }).toHaveLength(1);
});

it("knows which processes can be younger than another, and looks at all where it cannot know", async () => {
  const before = startedEver();
  const child = spawn("/bin/sleep", ["3600"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  const largest = Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  const range = laterPIDs(pid, before);
  // In between, how many were started meanwhile decides, by this test and by others.
  if (pid + 4096 + 1000 < largest) expect(range).toEqual({ least: pid, most: expect.any(Number) as unknown });
  if (pid + 4096 >= largest) expect(range).toBeUndefined();
  expect(range?.most ?? pid).toBeGreaterThanOrEqual(pid);
  expect(laterPIDs(pid, startedEver() - largest)).toBeUndefined();
  expect(laterPIDs(pid, startedEver() + 1_000_000)).toBeUndefined();
  expect(laterPIDs(pid, 0)).toBeUndefined();
  const younger = spawn("/bin/sleep", ["3600"], { stdio: "ignore" });
  onTestFinished(() => void younger.kill("SIGKILL"));
  expect([...readProcesses(laterPIDs(pid, before)).keys()]).toEqual(expect.arrayContaining([pid, younger.pid]));
  expect(readProcesses({ least: largest + 1, most: largest + 10 }).size).toBe(0);
});

it("takes no thread for a process, however few numbers are asked for", async () => {
  const text = `const { Worker } = require("worker_threads"); new Worker("setInterval(() => {}, 1000)", { eval: true }).on("online", () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", text]);
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const threads = readdirSync(`/proc/${child.pid}/task`).map(Number);
  expect(threads.length).toBeGreaterThan(1);
  for (const pid of threads) {
    expect([...readProcesses({ least: pid, most: pid }).keys()]).toEqual(pid === child.pid ? [pid] : []);
  }
});

it("finds a variable by its whole name", async () => {
  const child = spawn("/bin/sleep", ["3600"], {
    env: { NOT_NAME: "1", OTHER: "NAME=2", NAME: "ä=b\nc", NAME2: "3" },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  expect(variableOf(child.pid ?? 0, "NAME")).toBe("ä=b\nc");
  expect(variableOf(child.pid ?? 0, "THER")).toBeNull();
  expect(variableOf(999_999_999, "NAME")).toBeNull();
});

it("finds a variable of a process that changes its program again and again", () => {
  const text = 'exec /bin/sh -c "$0" "$0"';
  const child = spawn("/bin/sh", ["-c", text, text], { env: { NAME: "here" }, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const values = Array.from({ length: 1000 }, () => variableOf(child.pid ?? 0, "NAME"));
  expect(new Set(values)).toEqual(new Set(["here"]));
});

it("reads the markers that it writes, for every id", () => {
  const bootID = "0123456789abcdef0123456789abcdef";
  for (const instance of ["a", "a-1", "a-b_c-2-3", "x".repeat(64)]) {
    const marker = { bootID, instance, start: 12 };
    expect(readMarker(writeMarker(marker))).toEqual(marker);
  }
  for (const text of ["", "x", `${bootID}-a`, `${bootID}-a-`, `${bootID.slice(1)}-a-1`]) expect(readMarker(text)).toBeNull();
});
