import { describe, expect, test, vi } from "vitest";
import type { TerminalOutputFrame } from "../../../../src/model/terminal-frames.ts";
import { type House, PATIENCE_MS } from "../../../fixtures/workers/house.ts";

/** Shown by the shell and not typed: what is typed comes back as an echo. */
const said = (word: string): string => `${word.slice(0, 1)}''${word.slice(1)}`;

/** "Terminal Integration" of the requirement. */
export function terminalsSuite(house: () => House): void {
  describe("terminals", () => {
    test("Test WebSocket connection: a client's reaches the container's terminal, and both sides say that it can", async () => {
      const { client, fetch } = house();
      const { health } = await client.call("workers.health", { workerName: "shop" });
      expect(health).toMatchObject({ terminal: { healthy: true, reason: null }, websocket: { healthy: true, reason: null } });
      expect((await fetch("/health/terminal")).status).toBe(200);
      const terminal = await house().terminal("shop");
      expect(terminal.attached).toMatchObject({ how: "new", owner: true });
      terminal.send({ kind: "close" });
      await terminal.closed();
    });

    test("Verify PTY creation: the shell has a terminal of its own, of the client's size, and follows it", async () => {
      const terminal = await house().terminal("shop", "columns=91&rows=17");
      terminal.type("readlink /proc/self/fd/0; stty size\n");
      await terminal.until(() => /\/dev\/pts\/\d+\r\n17 91\r\n/.test(terminal.text));
      terminal.send({ kind: "resize", columns: 133, rows: 41 });
      await terminal.until(() => terminal.frames.some((frame) => frame.kind === "size" && frame.columns === 133));
      terminal.type("stty size\n");
      await terminal.until(() => /\r\n41 133\r\n/.test(terminal.text));
      const other = await house().terminal("shop");
      other.type("readlink /proc/self/fd/0\n");
      await other.until(() => /\/dev\/pts\/\d+/.test(other.text));
      const place = (text: string): string | undefined => /\/dev\/pts\/\d+/.exec(text)?.[0];
      expect(place(other.text)).not.toBe(place(terminal.text));
      for (const one of [terminal, other]) one.send({ kind: "close" });
    });

    test("Test terminal I/O: keys reach the program, its bytes reach the client, Ctrl-C its process, and its exit status", async () => {
      const terminal = await house().terminal("depot");
      terminal.type(`echo ${said("ready")}; cat > /tmp/typed\n`);
      // What is typed while the terminal's mode changes, from the shell's to the program's and back, is neither's for sure.
      const prompted = async (after: RegExp): Promise<void> =>
        await terminal.until(() => new RegExp(`${after.source}[^]*[$#] $`).test(terminal.text), `a prompt after ${after.source}`);
      await terminal.says("\r\nready\r\n");
      terminal.type("größer als 5 €\n\u0004");
      await prompted(/5 €\r\n/);
      terminal.type(`echo ${said("kept")}\n`);
      await terminal.says("\r\nkept\r\n");
      expect((await house().stand.exec("depot", "cat", "/tmp/typed")).stdout).toBe("größer als 5 €\n");
      terminal.type("printf '\\342\\202\\254 \\033[31mred\\033[0m\\n'\n");
      await terminal.says("\r\n€ \u001b[31mred\u001b[0m\r\n");
      // It speaks for itself: between what the shell itself says and the start of its next program, bash loses a Ctrl-C.
      terminal.type(`sh -c "echo ${said("begun")}; exec sleep 600"\n`);
      await terminal.says("\r\nbegun\r\n");
      terminal.type("\u0003");
      await prompted(/begun\r\n\^C/);
      terminal.type(`echo ${said("status")} $?; exit 7\n`);
      await terminal.says("status 130");
      const isEnd = (frame: TerminalOutputFrame): boolean => frame.kind === "exit" && frame.exit.exitCode === 7;
      await terminal.until(() => terminal.frames.some(isEnd));
    });

    test("Test reconnection: cut off, and when the orchestrator was started anew, the same shell goes on and no byte is missing or twice", async () => {
      const first = await house().terminal("shop", "columns=80&rows=24");
      const { session } = first.attached;
      first.type('mark=1001; i=0; until [ -e /tmp/enough ]; do i=$((i+1)); echo "n $i."; sleep 0.01; done; echo "end $mark"\n');
      await first.says("n 20.");
      let seen = first.text;
      let offset = first.offset;
      first.socket.terminate();
      await first.closed();

      const second = await house().terminal("shop", `session=${session}&offset=${offset}`);
      expect(second.attached).toMatchObject({ session, how: "continued" });
      await second.says("n 60.");
      const hungUp = second.closed();
      await house().restart();
      await hungUp;
      seen += second.text;
      offset = second.offset;

      const third = await house().terminal("shop", `session=${session}&offset=${offset}`);
      expect(third.attached).toMatchObject({ session, how: "continued" });
      await house().stand.exec("shop", "touch", "/tmp/enough");
      await third.says("end 1001");
      seen += third.text;
      const numbers = [...seen.matchAll(/^n (\d+)\.\r$/gm)].map(([, number]) => Number(number));
      expect(numbers.length).toBeGreaterThan(60);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      third.send({ kind: "close" });
    });

    test("Test orchestrator proxy access: with a token that may, and told who it was and when", async () => {
      const { client, stand, url } = house();
      await expect(house().terminal("shop", "", "not-a-token")).rejects.toMatchObject({ status: 401, code: "ACCESS_DENIED" });
      const viewer = await house().as("viewer");
      await expect(house().terminal("shop", "", viewer.token)).rejects.toMatchObject({ status: 403, code: "ACCESS_FORBIDDEN" });
      await expect(house().terminal("nobody")).rejects.toMatchObject({ status: 404, code: "WORKER_NOT_FOUND" });
      // The worker's own token opens nothing here: who has a container's has no way to the others.
      await expect(house().terminal("shop", "", await stand.token("shop"))).rejects.toMatchObject({ status: 401 });
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);

      const operator = await house().as("operator");
      const terminal = await house().terminal("shop", "", operator.token);
      terminal.type(`echo ${said("through")}\n`);
      await terminal.says("\r\nthrough\r\n");
      const { session } = terminal.attached;
      terminal.send({ kind: "close" });
      await terminal.closed();
      const container = (await stand.container("shop"))?.name;
      await vi.waitFor(
        async () => {
          const { items } = await client.call("terminals.list", { worker: "shop", limit: 100 });
          expect(items.find((row) => row.session === session)).toMatchObject({
            ...{ worker: "shop", container, who: "a-operator", readonly: false },
            endedAtMs: expect.any(Number) as number,
          });
        },
        { timeout: PATIENCE_MS },
      );
      const { items: audit } = await client.call("audit.list", { who: "a-operator", limit: 10 });
      expect(audit.at(-1)).toMatchObject({ worker: "shop", what: "terminals.open", result: "done" });
    });
  });
}
