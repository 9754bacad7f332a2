import { existsSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { readProcesses } from "../../../../src/supervisor/instances/processes.ts";
import type { TerminalsOptions } from "../../../../src/supervisor/terminal/open-terminals.ts";
import { TerminalBed } from "./bed.ts";

let bed: TerminalBed;
afterEach(async () => await bed.close());

const open = async (options: Partial<TerminalsOptions> = {}): Promise<void> => void (bed = await TerminalBed.open(options));
const running = async (command: string, options: Partial<TerminalsOptions> = {}): Promise<void> =>
  void (bed = await TerminalBed.running(command, options));
const gone = async (condition: () => boolean): Promise<void> => {
  await expect.poll(condition, { timeout: 10_000, interval: 5 }).toBe(true);
};

test("a plain connection is a terminal of its own: text or bytes in, bytes out, and it ends with the connection", async () => {
  await open();
  const view = bed.plain("?columns=100&rows=30");
  await view.says("$ ");
  view.socket.send("stty size\n");
  await view.says("30 100");
  view.socket.send(Buffer.from("echo a$((1+1))b\n"));
  await view.says("a2b");
  const [session] = bed.terminals.sessions;
  expect(existsSync(`/proc/${session?.pid}`)).toBe(true);
  view.socket.close();
  await gone(() => bed.terminals.sessions.length === 0);
  expect([...readProcesses().values()].some((one) => one.alive && one.session === session?.pid)).toBe(false);
  expect(bed.events.map(({ what }) => what)).toEqual(["opened", "ended"]);
});

test("with frames: attached first, output with offsets, the exit after the last byte", async () => {
  await running("printf hello; exit 3");
  const view = bed.view("?columns=90&rows=20");
  await view.until(() => view.isClosed);
  expect(view.frames).toEqual([
    {
      kind: "attached",
      attached: {
        session: view.attached?.session,
        offset: 0,
        how: "new",
        readonly: false,
        owner: true,
        columns: 90,
        rows: 20,
      },
    },
    { kind: "exit", exit: { exitCode: 3, signal: null, why: "exit" } },
  ]);
  expect(view.text).toBe("hello");
  await gone(() => bed.terminals.sessions.length === 0);
});

test("a program that a signal ended is told of as that", async () => {
  await running("kill -TERM $$");
  const view = bed.view();
  await view.until(() => view.exit !== null);
  expect(view.exit).toEqual({ exitCode: null, signal: "SIGTERM", why: "exit" });
});

test("no byte is lost before an exit, however slowly the viewer takes them", async () => {
  await running("seq 1 60000; printf END");
  const view = bed.view("", { isMute: true });
  await view.until(() => view.offset >= 120_000);
  const before = view.offset;
  expect(before).toBeLessThanOrEqual(131_072);
  view.speak();
  await view.until(() => view.exit !== null);
  expect(view.text.endsWith("60000\r\nEND")).toBe(true);
  expect(view.text.split("\r\n").length).toBe(60_001);
});

test("no byte is lost in many short exits", async () => {
  await running("seq 1 3000; printf END", { limit: 100 });
  const wanted = Array.from({ length: 3000 }, (_, index) => `${index + 1}\r\n`).join("") + "END";
  for (let round = 0; round < 10; round += 1) {
    const views = Array.from({ length: 10 }, () => bed.view());
    await Promise.all(views.map(async (view) => await view.until(() => view.exit !== null)));
    for (const view of views) expect(view.text).toBe(wanted);
  }
});

test("only the owner of the size says it; whoever wants can become it; it passes on when the owner goes", async () => {
  await open();
  const one = bed.view("?columns=80&rows=24");
  await one.says("$ ");
  const query = `?session=${one.attached?.session}`;
  const other = bed.view(`${query}&columns=50&rows=10`);
  await other.until(() => other.attached !== null);
  expect([one.owner, other.owner]).toEqual([true, false]);
  other.send({ kind: "resize", columns: 40, rows: 12 });
  other.type("stty size\n");
  await other.says("24 80");
  other.send({ kind: "own" });
  await one.until(() => !one.owner);
  await other.until(() => other.owner);
  other.send({ kind: "resize", columns: 40, rows: 12 });
  await one.until(() => one.screen.cols === 40 && one.screen.rows === 12);
  other.type("stty size\n");
  await one.says("12 40");
  other.socket.close();
  await one.until(() => one.owner);
});

test("a read-only viewer sees everything and may do nothing", async () => {
  await open();
  const one = bed.view();
  await one.says("$ ");
  const other = bed.view(`?session=${one.attached?.session}&readonly=1`);
  await other.until(() => other.attached !== null);
  expect(other.attached).toMatchObject({ readonly: true, owner: false, how: "redrawn" });
  other.type("echo intruder\n");
  other.send({ kind: "own" });
  other.send({ kind: "close" });
  await other.until(() => other.errors.length === 3);
  one.type("echo still $((40+2))\n");
  await other.says("still 42");
  expect(one.text).not.toContain("intruder");
  one.socket.terminate();
  await gone(() => bed.terminals.sessions[0]?.viewers === 1);
  expect(other.owner).toBe(false);
});

test("what runs in a session is hung up with it, also what ignores SIGHUP and what was left in the background", async () => {
  await running("trap '' HUP; (trap '' HUP TERM; while :; do sleep 60; done) & echo ready; while :; do sleep 60; done");
  const view = bed.view();
  await view.says("ready");
  const pid = bed.terminals.sessions[0]?.pid;
  const members = (): number => [...readProcesses().values()].filter((one) => one.alive && one.session === pid).length;
  await gone(() => members() === 4);
  view.send({ kind: "close" });
  await view.until(() => view.exit !== null);
  expect(view.exit).toEqual({ exitCode: null, signal: "SIGKILL", why: "closed" });
  await gone(() => members() === 0);
});

test("what a shell leaves behind does not keep the terminal open", async () => {
  await running("trap '' HUP; sleep 300 & echo left; exit 0");
  const view = bed.view();
  await view.until(() => view.exit !== null);
  expect(view.text).toContain("left");
  await gone(() => bed.terminals.sessions.length === 0);
});

test("a session without use ends after the idle limit, and says why", async () => {
  await open({ idleMs: 150 });
  const view = bed.view();
  await view.until(() => view.exit !== null);
  expect(view.exit?.why).toBe("idle");
});

test("nobody comes back in time: the session is closed; what is left of one that ended can still be had", async () => {
  await open({ graceMs: 120 });
  const view = bed.view();
  await view.says("$ ");
  view.socket.terminate();
  await gone(() => bed.terminals.sessions.length === 0);
  const late = bed.view(`?session=${view.attached?.session}&offset=0`);
  await late.until(() => late.isClosed);
  expect(late.errors[0]).toContain("TERMINAL_NOT_FOUND");
});

test("the end of a program that nobody saw is told to whoever comes back within the grace", async () => {
  await running("read line; printf 'last words'; exit 7", { graceMs: 20_000 });
  const view = bed.view();
  await view.until(() => view.attached !== null);
  view.type("x\n");
  view.socket.terminate();
  await gone(() => bed.events.length === 2);
  const back = bed.view(`?session=${view.attached?.session}&offset=${view.offset}`);
  await back.until(() => back.exit !== null);
  expect(back.text).toContain("last words");
  expect(back.exit).toEqual({ exitCode: 7, signal: null, why: "exit" });
  await gone(() => bed.terminals.sessions.length === 0);
});

test("as many as the limit says, told in band; whether terminals open can still be seen", async () => {
  await open({ limit: 1 });
  const view = bed.view();
  await view.says("$ ");
  const other = bed.view();
  await other.until(() => other.isClosed);
  expect(other.errors[0]).toContain("there are 1 terminals already");
  const plain = bed.plain();
  await plain.until(() => plain.isClosed);
  expect(plain.text).toContain("which is the limit");
  const probe = bed.plain("?purpose=health");
  await probe.says("$ ");
  probe.socket.close();
  await gone(() => bed.terminals.sessions.length === 1);
  expect(bed.events).toHaveLength(1);
});

test("a terminal opens in an instance's place; a place that is not there is told of", async () => {
  await open({
    place: (instance) => ({
      env: { PATH: "/usr/bin:/bin", PS1: "$ ", WHERE: instance },
      directory: instance === "web" ? "/tmp" : "/not/there",
    }),
  });
  const view = bed.view("?instance=web");
  view.socket.on("open", () => view.type("echo $WHERE in $PWD\n"));
  await view.says("web in /tmp");
  const other = bed.view("?instance=gone");
  await other.until(() => other.isClosed);
  expect(other.errors[0]).toContain("there is no directory /not/there");
});

test("a shell that cannot run is told of by its exit", async () => {
  await open({ shell: { file: "/no/such/shell", args: [] } });
  const view = bed.view();
  await view.until(() => view.exit !== null);
  expect(view.exit?.exitCode).toBe(1);
});

test("fifty terminals at once, each with its own output and exit", async () => {
  await running("stty -echo; read n; seq 1 2000; echo done $n; exit $n");
  const views = Array.from({ length: 50 }, () => bed.view());
  await Promise.all(views.map(async (view) => await view.until(() => view.attached !== null)));
  for (const [index, view] of views.entries()) view.type(`${index + 1}\n`);
  await Promise.all(views.map(async (view) => await view.until(() => view.exit !== null)));
  for (const [index, view] of views.entries()) {
    expect(view.exit?.exitCode).toBe(index + 1);
    expect(view.text.endsWith(`2000\r\ndone ${index + 1}\r\n`)).toBe(true);
  }
});
