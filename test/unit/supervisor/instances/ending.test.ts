import { once } from "node:events";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../../../fixtures/free-port.ts";
import { leftInstances } from "../../../../src/supervisor/instances/leftovers.ts";
import { type House, oddSeconds, openHouse, pipes, processesWith, script, shell, temporaryDirectory } from "./house.ts";

/** Starts it, waits until it says `up`, and stops it. Gives how many processes slept these seconds before and after. */
async function startAndStop(house: House, text: string, seconds: string): Promise<{ before: number; after: number }> {
  await house.instances.start(shell("web", text, { stopGraceMs: 150 }));
  await house.untilOutput("web", "up");
  const before = processesWith(seconds).length;
  expect(await house.instances.stop("web")).toMatchObject({ state: "stopped", pid: null });
  return { before, after: processesWith(seconds).length };
}

it("kills what ignores SIGTERM when the grace is over", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  const { before, after } = await startAndStop(house, `trap '' TERM; echo up; while :; do sleep ${seconds}; done`, seconds);
  expect(before).toBeGreaterThan(0);
  expect(after).toBe(0);
  expect(house.instances.status("web")).toMatchObject({ signal: "SIGKILL" });
});

it("ends a stop in a hurry as soon as a second one says so", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  await house.instances.start(
    shell("web", `trap '' TERM; echo up; while :; do sleep ${seconds}; done`, { stopGraceMs: 3_600_000 }),
  );
  await house.untilOutput("web", "up");
  const patient = house.instances.stop("web");
  await house.until(({ state }) => state === "stopping");
  await Promise.all([house.instances.stop("web", 0), patient]);
  expect(processesWith(seconds)).toEqual([]);
});

it("leaves the rest of the group its grace when the first process has ended", async () => {
  const house = await openHouse();
  // The shell ends at once; its child takes its time to put things in order.
  const child = `process.on("SIGTERM", () => { process.stdout.write("tidying\\n"); setTimeout(() => { process.stdout.write("tidy\\n"); process.exit() }, 200) }); setInterval(() => {}, 1000); console.log("up")`;
  await house.instances.start(shell("web", `${process.execPath} -e '${child}' & wait`, { stopGraceMs: 20_000 }));
  await house.untilOutput("web", "up");
  await house.instances.stop("web");
  // Once, too: a second SIGTERM makes some programs give up.
  expect(house.output("web")).toBe("up\ntidying\ntidy\n");
});

it("sends a process that is held still its SIGTERM, too", async () => {
  const house = await openHouse();
  const { pid } = await house.instances.start(
    shell("web", "trap 'exit 5' TERM; kill -STOP $$; sleep 1", { stopGraceMs: 20_000 }),
  );
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8"), { interval: 10 }).toMatch(/\) T /);
  expect(await house.instances.stop("web")).toMatchObject({ exitCode: 5 });
});

it("ends forks that went into sessions of their own", async () => {
  const seconds = oddSeconds();
  const { before, after } = await startAndStop(
    await openHouse(),
    `setsid sleep ${seconds} & setsid -f setsid sleep ${seconds}; echo up; wait`,
    seconds,
  );
  expect(before).toBeGreaterThan(0);
  expect(after).toBe(0);
});

it("ends daemons that closed everything and ignore SIGTERM", async () => {
  const seconds = oddSeconds();
  const daemon = `trap "" TERM; exec >/dev/null 2>&1 </dev/null; cd /; setsid -f sleep ${seconds}; setsid -f sleep ${seconds}`;
  const { before, after } = await startAndStop(await openHouse(), `(${daemon}); echo up; sleep ${seconds}`, seconds);
  expect(before).toBeGreaterThan(0);
  expect(after).toBe(0);
});

it("ends a daemon without the marker by the output that it holds", async () => {
  const seconds = oddSeconds();
  const { before, after } = await startAndStop(
    await openHouse(),
    `(env -i /usr/bin/setsid -f sleep ${seconds}); echo up; sleep ${seconds}`,
    seconds,
  );
  expect(before).toBeGreaterThan(0);
  expect(after).toBe(0);
});

it("ends a daemon without marker and output by the port that it holds", async () => {
  const port = await freePort();
  const house = await openHouse();
  const seconds = oddSeconds();
  const holder = `require("net").createServer().listen(${port}, "127.0.0.1") // ${seconds}`;
  const listens = `:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  const text = `(env -i /usr/bin/setsid -f ${process.execPath} -e '${holder}' >/dev/null 2>&1 </dev/null)
    until grep -q '${listens}' /proc/net/tcp; do sleep 0.01; done; echo up; sleep 3600`;
  await house.instances.start(shell("web", text, { port, stopGraceMs: 200 }));
  await house.untilOutput("web", "up");
  expect(processesWith(`// ${seconds}`).length).toBeGreaterThanOrEqual(2);
  await house.instances.stop("web");
  expect(processesWith(`// ${seconds}`)).toEqual([]);
});

it("does not touch a server that was there before, on the port of an instance that ends", async () => {
  const port = await freePort();
  const server = spawn(process.execPath, [
    "-e",
    `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("up"))`,
  ]);
  onTestFinished(() => void server.kill("SIGKILL"));
  await once(server.stdout, "data");
  const house = await openHouse();
  const web = script("web", `require("net").createServer().listen(${port}, "127.0.0.1")`, { port, restart: { when: "never" } });
  await house.instances.start(web);
  await house.until(({ state, exitCode }) => state === "crashed" && exitCode === 1);
  expect(house.output("web")).toContain("EADDRINUSE");
  expect(server.exitCode ?? server.signalCode).toBeNull();
});

it("does not touch a server of the supervisor's own family that came later, as a terminal's is", async () => {
  const port = await freePort();
  const house = await openHouse();
  await house.instances.start(shell("web", "exec sleep 3600", { port }));
  const text = `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("up"))`;
  const terminal = spawn("/bin/sh", ["-c", `${process.execPath} -e '${text}' & wait`], { detached: true });
  onTestFinished(() => void process.kill(-(terminal.pid ?? 0), "SIGKILL"));
  await once(terminal.stdout, "data");
  await house.instances.stop("web");
  expect(terminal.exitCode ?? terminal.signalCode).toBeNull();
});

it("does not touch what the supervisor started otherwise, though it has the output open", async () => {
  const place = temporaryDirectory();
  const open = pipes(place, () => undefined);
  const others: ChildProcess[] = [];
  onTestFinished(() => others.forEach((other) => void other.kill("SIGKILL")));
  const house = await openHouse({
    openOutput: (instance) => {
      const output = open(instance);
      others.push(spawn("/bin/sleep", ["3600"], { stdio: ["ignore", output.stdout, "ignore"], detached: true }));
      return output;
    },
  });
  await house.instances.start(shell("web", "exec sleep 3600"));
  expect(await house.instances.stop("web")).toMatchObject({ state: "stopped" });
  expect(others.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null]);
});

it("lets a child that closes its output live", async () => {
  const house = await openHouse();
  const web = script(
    "web",
    `const fs = require("fs"); fs.closeSync(1); fs.closeSync(2); setTimeout(() => process.exit(9), 300)`,
    { restart: { when: "never" } },
  );
  await house.instances.start(web);
  const status = await house.until(({ state }) => state === "crashed");
  expect(status).toMatchObject({ exitCode: 9 });
});

it("ends what a crash left behind before it starts again", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  const text = `pgrep -f 'sleep ${seconds}$' >/dev/null && echo doubled; trap '' TERM; setsid sleep ${seconds} & echo up; exit 1`;
  await house.instances.start(shell("web", text, { stopGraceMs: 50, restart: { delayMs: 0, maxRestarts: 3, maxDelayMs: 0 } }));
  await house.until(({ state, crashLoop, nextStartAtMs }) => state === "crashed" && crashLoop && nextStartAtMs === null);
  expect(processesWith(seconds)).toEqual([]);
  expect(house.output("web")).toBe("up\n".repeat(4));
});

it("ends what a clean end left behind", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  await house.instances.start(shell("web", `setsid -f sleep ${seconds}; exit 0`));
  expect(await house.instances.wait("web", "stopped", 20_000)).toMatchObject({ exitCode: 0 });
  expect(processesWith(seconds)).toEqual([]);
});

it("ends a tree that keeps forking", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  // Each one starts the next in a new session and ends; there is never a moment without one.
  const text = `trap '' TERM; next() { n=$1; while [ "$n" -lt 100000 ]; do n=$((n + 1)); setsid sh -c "exec sleep 0.00$n; : ${seconds}" & done; }; echo up; next 0`;
  await house.instances.start(shell("web", text, { stopGraceMs: 50 }));
  await house.untilOutput("web", "up");
  await house.instances.stop("web");
  expect(processesWith(seconds)).toEqual([]);
  expect(leftInstances(new Set([house.bootID]))).toEqual(new Set());
});

it("leaves other instances alone", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  await house.instances.start(shell("a", "exec sleep 3600", { stopGraceMs: 50 }));
  const other = await house.instances.start(shell("b", `setsid sleep ${seconds} & sleep ${seconds}`));
  const alike = await house.instances.start(shell("a-1", `exec sleep 3600`));
  await house.instances.stop("a");
  expect(house.instances.status("b")).toEqual(other);
  expect(house.instances.status("a-1")).toEqual(alike);
  // Its shell may not have come to start them all yet.
  await expect.poll(() => processesWith(seconds).length).toBeGreaterThan(1);
});
