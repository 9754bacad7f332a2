import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { EventEntry, LogEntry } from "../../src/model/entry.ts";
import type { ErrorView } from "../../src/model/kept.ts";
import type { Processes } from "../../src/cli/ps.ts";
import { finished } from "../fixtures/command-line.ts";
import { type TestEngine, withDocker } from "../fixtures/engines/engines.ts";
import { freePort } from "../fixtures/free-port.ts";
import { buildWorkerTestImage } from "../fixtures/workers/image.ts";
import { openWorkerStand, type WorkerStand } from "../fixtures/workers/stand.ts";

let engine: TestEngine;
let stand: WorkerStand;
let url: string;

/** For what takes processes of its own, whose time is the machine's. */
const patient = { timeout: 30_000 };

/** Counts, ten lines a second; each line holds what a terminal would obey. */
const counting = String.raw`let n = 0; setInterval(() => console.log("line " + ++n + " \u001b[2J\u0007"), 100);`;
const crashing = `console.log("about to fall"); setTimeout(() => { const order = {}; order.customer.name; }, 100);`;

beforeAll(async () => {
  engine = await withDocker();
  stand = await openWorkerStand(engine, await buildWorkerTestImage(engine.engine, engine.image));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  await writeFile(join(stand.home.root, "novabot.yaml"), `listen: 127.0.0.1:${port}\n`);
  await novabot("up", "--detach");
  await novabot("worker", "start", "shop", "--instance-id", "count", "--", "node", "-e", counting);
  await stand.begin("shop", "checkout", ["node", "-e", crashing], ["--max-restarts", "1000"]);
});

afterAll(async () => {
  await stand?.runOutside(["down", "--now"]);
  await stand?.close();
  await engine?.dispose();
});

/** `novabot …`, which has to succeed; gives what it printed. */
async function novabot(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await stand.runOutside(args);
  if (code !== 0) throw new Error(`novabot ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

const json = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await novabot(...args, "--json")) as T;
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

test("ps tells of every process, for people and for programs", async () => {
  const seen = await vi.waitFor(async () => {
    const now = await json<Processes>("ps");
    expect(now.processes.map(({ instance }) => instance).toSorted()).toEqual(["checkout", "count"]);
    expect(now.processes.find(({ instance }) => instance === "count")).toMatchObject({ status: { state: "running" } });
    return now;
  }, patient);
  expect(seen.workers).toMatchObject([{ worker: "shop", state: "linked" }]);
  const table = await novabot("ps");
  expect(table).toMatch(/^WORKER +INSTANCE +STATE/);
  expect(table).toMatch(/shop +count +running +\d+ /);
});

test("logs are harmless for a terminal, whole for programs, and the bytes themselves as raw", async () => {
  const page = await vi.waitFor(async () => {
    const lines = await json<LogEntry[]>("logs", "shop/count", "--limit", "3");
    expect(lines).toHaveLength(3);
    return lines;
  }, patient);
  expect(page.map(({ position }) => position)).toEqual(page.map(({ position }) => position).toSorted((a, b) => a - b));
  const table = await novabot("logs", "shop/count", "--limit", "3");
  expect(table).toMatch(/^\d{4}-\S+Z shop\/count out - {5}line \d+ \n/);
  expect(table).not.toMatch(obeyed);
  expect(await novabot("logs", "shop/count", "--limit", "3", "--json")).not.toMatch(obeyed);
  expect(await novabot("logs", "shop/count", "--limit", "1", "--format", "raw")).toMatch(/^line \d+ \u001b\[2J\u0007\n$/);
  const after = await json<LogEntry[]>("logs", "shop/count", "--after", String(page[0]?.position), "--limit", "2");
  expect(after.map(({ position }) => position)).toEqual(page.slice(1).map(({ position }) => position));
  await expect
    .poll(async () => await json<LogEntry[]>("logs", "--contains", "ABOUT TO", "--streams", "stdout", "--limit", "1"), patient)
    .toMatchObject([{ text: "about to fall" }]);
  expect((await json<LogEntry[]>("logs", "--search", '"to fall"', "--limit", "1"))[0]?.instance).toBe("checkout");
});

test("errors are told once with their count, and with their lines by their fingerprint", async () => {
  const [error] = await vi.waitFor(async () => {
    const errors = await json<ErrorView[]>("errors", "shop/checkout");
    expect(errors[0]?.count).toBeGreaterThan(1);
    return errors;
  }, patient);
  expect(error).toMatchObject({ worker: "shop", name: "TypeError", category: "type" });
  expect(await novabot("errors")).toContain("shop/checkout");
  expect(await novabot("errors", "--fingerprint", error?.fingerprint ?? "")).toContain("> TypeError: Cannot read");
  expect(await novabot("errors", "shop/count")).toBe("No errors.\n");
});

test("events and top tell what happens", async () => {
  const events = await json<EventEntry[]>("events", "shop/checkout", "--types", "instance");
  expect(events.map(({ event }) => event.type === "instance" && event.status.state)).toContain("crashed");
  expect(await novabot("events", "--types", "worker")).toContain("shop worker linked");
  const [look, ...more] = (await novabot("top", "--json", "--interval", "1s")).trimEnd().split("\n");
  expect(more).toEqual([]);
  const { rates } = JSON.parse(look ?? "") as { rates: { worker: string; linesPerSecond: number }[] };
  expect(rates[0]?.linesPerSecond).toBeGreaterThan(0);
  expect(await novabot("top", "--interval", "200ms")).toContain("LAST EVENTS");
});

test("what is followed goes on when the orchestrator is started anew, with nothing left out and nothing twice", async () => {
  const [program, ...words] = stand.program;
  const child = spawn(program, [...words, "logs", "shop/count", "--follow", "--limit", "1", "--json"], {
    env: { ...process.env, ...stand.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const seen: number[] = [];
  let notes = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (notes += text));
  createInterface({ input: child.stdout }).on("line", (line) => {
    seen.push(Number(/^line (\d+)/.exec((JSON.parse(line) as LogEntry).text)?.[1]));
  });
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(5), patient);
  await novabot("down");
  const before = seen.at(-1) ?? 0;
  await novabot("up", "--detach");
  await vi.waitFor(() => expect(seen.at(-1)).toBeGreaterThan(before + 30), patient);
  const ended = once(child, "exit");
  child.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  expect(seen).toEqual(seen.map((_, index) => (seen[0] ?? 0) + index));
  expect(notes).toContain("The connection broke");
  expect(notes).toContain("Connected again, and going on after the last entry.");
  expect(notes).not.toContain("missing");
}, 120_000);

test("lines after one that is named are followed from there on, also those that the first answer has no room for", async () => {
  const lines = await vi.waitFor(async () => {
    const ten = await json<LogEntry[]>("logs", "shop/count", "--after", "0", "--limit", "10");
    expect(ten).toHaveLength(10);
    return ten;
  }, patient);
  const [program, ...words] = stand.program;
  const after = String(lines[0]?.position);
  const child = spawn(program, [...words, "logs", "shop/count", "--after", after, "--limit", "2", "--follow", "--json"], {
    env: { ...process.env, ...stand.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const seen: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => seen.push((JSON.parse(line) as LogEntry).text));
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(8), patient);
  expect(seen.slice(0, 9)).toEqual(lines.slice(1).map(({ text }) => text));
});

test("a reader that goes away ends what is followed", async () => {
  const [program, ...words] = stand.program;
  const child = spawn(program, [...words, "logs", "--follow"], {
    env: { ...process.env, ...stand.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("attach opens a terminal where the process runs, ends as the shell does, and is written down", async () => {
  const { code, stdout, stderr } = await stand.runOutside(["attach", "shop/count"], "echo it is $((6 * 7)); exit 7\r");
  expect(code, stderr).toBe(7);
  expect(stdout).toContain("it is 42");
  const viewers = await vi.waitFor(async () => {
    const events = await json<EventEntry[]>("events", "--types", "viewer");
    expect(events).toHaveLength(2);
    return events;
  }, patient);
  expect(viewers.map(({ event }) => event)).toMatchObject([
    { what: "opened", who: "local" },
    { what: "ended", who: "local" },
  ]);
});

test("a place that is not known is told with those that are", async () => {
  expect((await stand.runOutside(["logs", "nope"])).stderr).toContain("It knows: shop.");
  const { code, stdout } = await stand.runOutside(["logs", "shop/nope", "--json"]);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: "INSTANCE_NOT_FOUND" } });
  expect((await stand.runOutside(["attach", "nope"])).stderr).toContain("WORKER_NOT_FOUND");
});

test("a token opens the doors from elsewhere as far as its role goes, until it is removed", async () => {
  const { token } = await json<{ token: string }>("tokens", "add", "ada");
  const [program, ...words] = stand.program;
  const elsewhere = (...args: readonly string[]): ReturnType<typeof finished> =>
    finished(
      spawn(program, [...words, ...args], { env: { ...process.env, NO_COLOR: "1", NOVABOT_URL: url, NOVABOT_TOKEN: token } }),
    );
  expect(await elsewhere("ps")).toMatchObject({ code: 0, stdout: expect.stringContaining("count") });
  expect(await elsewhere("attach", "shop")).toMatchObject({ code: 2, stderr: expect.stringContaining("ACCESS_FORBIDDEN") });
  expect(await elsewhere("tokens", "list")).toMatchObject({ code: 2, stderr: expect.stringContaining("ACCESS_FORBIDDEN") });
  const listed = await novabot("tokens", "list");
  expect(listed).toMatch(/ada +viewer/);
  expect(listed).not.toContain(token);
  await novabot("tokens", "remove", "ada");
  expect(await elsewhere("ps")).toMatchObject({ code: 2, stderr: expect.stringContaining("ACCESS_DENIED") });
});

test("without an orchestrator the commands say so", async () => {
  await novabot("down");
  expect(await stand.runOutside(["ps"])).toMatchObject({ code: 2, stderr: expect.stringContaining("ORCHESTRATOR_NOT_RUNNING") });
});
