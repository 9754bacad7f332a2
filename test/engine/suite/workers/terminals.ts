import { spawn } from "@lydell/node-pty";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dialTerminal } from "../../../../src/workers/terminal/dial.ts";
import { TerminalViewer } from "../../../../src/workers/terminal/viewer.ts";
import { until } from "../../../fixtures/engines/processes.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

const YARD = "terms";
const LINES = 3000;

export function terminalsSuite(stand: () => WorkerStand): void {
  describe("terminals", () => {
    beforeAll(async () => void (await stand().must("worker", "start", YARD)));
    afterAll(async () => void (await stand().must("worker", "stop", YARD, "--remove", "--remove-data", YARD)));

    test("one whose connection is cut again and again misses nothing and shows nothing twice", async () => {
      const way = await stand().way(YARD);
      const address = { host: "127.0.0.1", port: way.port, token: await stand().token(YARD) };
      let shown = "";
      let snapshots = 0;
      let breaks = 0;
      const viewer = new TerminalViewer({
        dial: dialTerminal(() => address),
        request: {},
        size: () => ({ columns: 100, rows: 30 }),
        write: async (bytes, what) => {
          if (what === "snapshot") snapshots += 1;
          shown += Buffer.from(bytes).toString("latin1");
        },
        onBreak: (error) => (breaks += error ? 1 : 0),
      });
      viewer.type(
        Buffer.from(`for n in $(seq 1 ${LINES}); do echo "<$n>"; [ $((n % 100)) = 0 ] && sleep 0.1; done; echo E''ND\r`),
      );
      for (let cut = 1; cut <= 4; cut += 1) {
        await until(`output after ${cut - 1} cuts`, () => shown.includes(`<${cut * 500}>`));
        way.cut();
        await until("the break to be noticed", () => breaks >= cut);
      }
      await until("the end of the lines", () => shown.includes("END"));
      const numbers = [...shown.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number));
      expect(snapshots).toBe(0);
      expect(numbers).toEqual(Array.from({ length: LINES }, (_, index) => index + 1));
      // What is typed while there is no connection arrives when there is.
      way.closed = true;
      way.cut();
      await until("the break to be noticed", () => breaks >= 5);
      viewer.type(Buffer.from("exit 5\r"));
      way.closed = false;
      expect(await viewer.done).toEqual({ exitCode: 5, signal: null, why: "exit" });
    });

    test("fifty at once, each with its own output, whole, and its own exit status", async () => {
      const { port } = await stand().way(YARD);
      const address = { host: "127.0.0.1", port, token: await stand().token(YARD) };
      const ends = Array.from({ length: 50 }, async (_, number) => {
        let shown = "";
        const viewer = new TerminalViewer({
          dial: dialTerminal(() => address),
          request: {},
          size: () => ({ columns: 80, rows: 24 }),
          write: async (bytes) => void (shown += Buffer.from(bytes).toString("latin1")),
        });
        viewer.type(Buffer.from(`PS1=; stty -echo; seq -f 'of-${number}-%.0f-' 1 2000; exit ${number}\r`));
        const exit = await viewer.done;
        return { exit, lines: [...shown.matchAll(/^of-(\d+-\d+)-\r$/gm)].map(([, line]) => line) };
      });
      expect(await Promise.all(ends)).toEqual(
        Array.from({ length: 50 }, (_, number) => ({
          exit: { exitCode: number, signal: null, why: "exit" },
          lines: Array.from({ length: 2000 }, (_unused, line) => `${number}-${line + 1}`),
        })),
      );
      const [view] = JSON.parse(await stand().must("worker", "list", "--json")) as { health: object }[];
      expect(view?.health).toMatchObject({ terminal: { healthy: true, reason: null } });
    });

    test("in a real terminal: size, keys, leaving, coming back, exit status", async () => {
      const { inside, env, program } = stand();
      const open = (
        ...args: readonly string[]
      ): { seen: () => string; type(text: string): void; resize(columns: number, rows: number): void; end: Promise<number> } => {
        const argv = [...inside(), ...program, "worker", "terminal", YARD, ...args];
        const pty = spawn("nsenter", argv, { cols: 90, rows: 25, env: { ...process.env, ...env } });
        let seen = "";
        pty.onData((text) => (seen += text));
        const end = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
        return { seen: () => seen, type: (text) => pty.write(text), resize: (columns, rows) => pty.resize(columns, rows), end };
      };
      const first = open();
      await until("a prompt", () => /[$#] /.test(first.seen()));
      first.type("mark=of-this-shell; stty size; id -u\r");
      await until("its size", () => first.seen().includes("25 90") && first.seen().includes("1000"));
      // What is typed may overtake the new size, of which a signal tells: the shell waits for it.
      first.type("until stty size | grep -q ^20; do sleep 0.05; done; stty size\r");
      first.resize(70, 20);
      await until("its new size", () => first.seen().includes("20 70"));
      first.type("sleep 1000\r");
      await until("what shall be interrupted", async () =>
        (await stand().exec(YARD, "ps", "-eo", "args")).stdout.includes("sleep 1000"),
      );
      first.type("\u0003");
      first.type("echo after-$((40+2))\r");
      await until("Ctrl-C", () => first.seen().includes("after-42"));
      first.type("\r~.");
      expect(await first.end).toBe(0);
      const session = /--session (\S+)/.exec(first.seen())?.[1] ?? "";

      const watcher = open("--session", session, "--readonly");
      const second = open("--session", session);
      await until("the screen", () => second.seen().includes("after-42") && watcher.seen().includes("after-42"));
      watcher.type("echo from-the-watcher\r");
      second.type("echo still-$mark\r");
      await until("the same shell", () => second.seen().includes("still-of-this-shell"));
      await until("the watcher's view", () => watcher.seen().includes("still-of-this-shell"));
      expect(second.seen()).not.toContain("from-the-watcher");
      second.type("exit 9\r");
      expect(await second.end).toBe(9);
      expect(await watcher.end).toBe(9);
    });

    test("fed from a pipe, in an instance's place; and one that is gone is told", async () => {
      const { begin, run } = stand();
      await begin(YARD, "placed", ["sleep", "1000"], ["--cwd", "/tmp", "--env", "PLACE=here"]);
      const piped = await run(["worker", "terminal", YARD, "--instance", "placed"], "echo $PLACE-$(pwd); exit 4\n");
      expect(piped.stdout).toContain("here-/tmp");
      expect(piped.code).toBe(4);
      const gone = await run(["worker", "terminal", YARD, "--session", "0123456789abcdef0123456789abcdef"]);
      expect(gone.stderr).toContain("TERMINAL_NOT_FOUND");
      expect(gone.code).toBe(2);
    });
  });
}
