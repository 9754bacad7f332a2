import { once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { TERMINAL_PROTOCOL, TERMINAL_WINDOW } from "../../../../src/model/terminal-frames.ts";
import { type OpenDoors, opened, openTestDoors, type DoorsSettings } from "../../../fixtures/open-doors.ts";
import {
  runSupervisor,
  supervisorDirectory,
  type SupervisorProcess,
  WORKER_TOKEN,
} from "../../../fixtures/supervisor-process.ts";

async function openHouse(settings: DoorsSettings = {}): Promise<OpenDoors & { readonly supervisor: SupervisorProcess }> {
  const supervisor = runSupervisor(await supervisorDirectory(), [], { PS1: "$ ", SHELL: "/bin/sh" });
  const worker = { host: "127.0.0.1", port: await supervisor.port, token: WORKER_TOKEN };
  return { ...(await openTestDoors({ ...settings, workers: { worker } })), supervisor };
}

const rows = async ({ store }: OpenDoors): Promise<readonly object[]> => (await store.terminals({ limit: 10 })).items;

/** Of this process, by their names' end. */
async function openFiles(end: string): Promise<readonly string[]> {
  const fds = await readdir("/proc/self/fd");
  const paths = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return paths.filter((path) => path.endsWith(end));
}

/** Rows are written behind the socket's back. */
async function rowsUntil(
  house: OpenDoors,
  is: (rows: readonly { endedAtMs?: number | null }[]) => boolean,
): Promise<readonly object[]> {
  for (;;) {
    const entry = new Promise<void>((resolve) => {
      const end = house.store.listen(() => {
        end();
        resolve();
      });
    });
    const found = await rows(house);
    if (is(found)) return found;
    await entry;
  }
}

describe("a terminal through the orchestrator", () => {
  test("carries keys and output, and is told of in a row, in events and in the audit", async () => {
    const house = await openHouse();
    const terminal = await house.terminal("columns=100&rows=30");
    expect(terminal.attached).toMatchObject({ how: "new", columns: 100, rows: 30, owner: true, readonly: false });
    terminal.type("echo he''llo; exit 7\n");
    await terminal.says("hello");
    await terminal.closed();
    expect(terminal.frames.at(-1)).toEqual({ kind: "exit", exit: { exitCode: 7, signal: null, why: "exit" } });
    const [row] = await rowsUntil(house, ([first]) => first?.endedAtMs !== null && first !== undefined);
    expect(row).toMatchObject({
      worker: "worker",
      container: "worker-box",
      session: terminal.attached.session,
      who: "local",
      readonly: false,
      why: "the program ended with 7",
      recorded: false,
    });
    expect(row).toHaveProperty("bytesIn", expect.any(Number));
    const { items: audit } = await house.store.audit({ limit: 10 });
    expect(audit).toEqual([
      expect.objectContaining({ who: "local", door: "websocket", what: "terminals.open", worker: "worker", result: "done" }),
    ]);
    // The event is kept behind the row.
    const told = async (): Promise<string[]> => {
      const { items: events } = await house.store.entries({ kinds: ["event"] }, { limit: 100 });
      return events.flatMap((entry) => (entry.kind === "event" && entry.event.type === "viewer" ? [entry.event.what] : []));
    };
    await expect.poll(told).toEqual(["opened", "ended"]);
  });

  test("is come back to where it was left", async () => {
    const house = await openHouse();
    const first = await house.terminal("");
    first.type("echo be''fore\n");
    await first.says("before");
    const { session } = first.attached;
    first.socket.terminate();
    await first.closed();
    const second = await house.terminal(`session=${session}&offset=${first.offset}`);
    expect(second.attached).toMatchObject({ session, how: "continued", offset: first.offset });
    second.type("echo af''ter\n");
    await second.says("after");
    expect(second.text).not.toContain("before");
    const sessions = async (): Promise<unknown[]> => (await house.store.terminals({ limit: 10 })).items.map((row) => row.session);
    await expect.poll(sessions).toEqual([session, session]);
  });

  test("is drawn anew for who was away for too long", async () => {
    const house = await openHouse();
    const first = await house.terminal("");
    const { session } = first.attached;
    const offset = first.offset;
    first.type("yes line | head -c 6000000; echo; echo DO''NE\n");
    await first.says("DONE");
    first.socket.terminate();
    const second = await house.terminal(`session=${session}&offset=${offset}`);
    expect(second.attached.how).toBe("redrawn");
    await second.says("DONE");
  });

  test("lets a flood wait for a viewer that does not acknowledge", async () => {
    const house = await openHouse();
    const socket = house.socket("/api/workers/worker/terminal", [TERMINAL_PROTOCOL]);
    let bytes = 0;
    let quiet = (): void => undefined;
    socket.on("message", (data: Buffer) => {
      if (data[0] === 2) bytes += data.length - 9;
      if (bytes >= TERMINAL_WINDOW) quiet();
    });
    await opened(socket);
    const full = new Promise<void>((resolve) => (quiet = resolve));
    const input = (text: string): Buffer => Buffer.concat([Buffer.of(1), Buffer.from(text)]);
    socket.send(input("yes a-line-of-a-flood\n"));
    await full;
    const pong = once(socket, "pong");
    socket.ping();
    await pong;
    expect(bytes).toBeLessThanOrEqual(TERMINAL_WINDOW);
  });

  test("keeps a plain viewer that does not read from filling memory anywhere", async () => {
    const house = await openHouse();
    const socket = house.socket("/api/workers/worker/terminal");
    await opened(socket);
    expect(socket.protocol).toBe("");
    socket.on("message", () => undefined);
    socket.pause();
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    socket.send("head -c 60000000 /dev/zero | tr '\\0' x; echo; echo DO''NE\n");
    // The shell is held up by the kernel: it has not done when another terminal of the same worker has long said something.
    const other = await house.terminal("");
    other.type("sleep 1; echo ot''her\n");
    await other.says("other");
    const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before;
    expect(grown).toBeLessThan(24 * 1_048_576);
    let count = 0;
    const done = new Promise<void>((resolve) =>
      socket.on("message", (data: Buffer) => {
        count += data.length;
        if (data.includes("DONE")) resolve();
      }),
    );
    socket.resume();
    await done;
    expect(count).toBeGreaterThan(60_000_000);
  });

  test("is opened with a ticket, once", async () => {
    const house = await openHouse();
    const answer = await house.get("/api/workers/worker/terminal/ticket", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(answer.status).toBe(200);
    const { ticket } = (await answer.json()) as { ticket: string };
    const terminal = await house.terminal(`ticket=${ticket}`, { headers: {} });
    expect(terminal.attached.how).toBe("new");
    await expect(house.terminal(`ticket=${ticket}`, { headers: {} })).rejects.toMatchObject({
      status: 401,
      code: "ACCESS_DENIED",
    });
    expect(JSON.stringify(house.logged)).not.toContain(ticket);
  });

  test("is only looked at by who may only look, and a new one is none to look at", async () => {
    const house = await openHouse();
    const added = await house.get("/api/tokens", {
      method: "POST",
      body: JSON.stringify({ name: "eyes", role: "viewer" }),
      headers: { "content-type": "application/json" },
    });
    const { token } = (await added.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    const shown = await house.terminal("");
    const own = `session=${shown.attached.session}`;
    for (const query of ["", "readonly=1", own, `readonly=1&${own}&record=1`])
      await expect(house.terminal(query, { headers })).rejects.toMatchObject({ status: 403, code: "ACCESS_FORBIDDEN" });
    const looking = await house.terminal(`readonly=1&session=${shown.attached.session}`, { headers });
    expect(looking.attached).toMatchObject({ readonly: true, owner: false });
    looking.type("echo ty''ped\n");
    shown.type("echo se''en\n");
    await looking.says("seen");
    expect(shown.text).not.toContain("typed");
    const { items } = await house.store.audit({ what: "terminals.open", limit: 20 });
    expect(
      items
        .filter(({ who }) => who === "eyes")
        .map(({ result }) => result)
        .toSorted(),
    ).toEqual([...Array.from({ length: 4 }, () => "ACCESS_FORBIDDEN"), "done"]);
    // Who is sent away is sent away from here as well.
    const gone = looking.closed();
    expect((await house.get("/api/tokens/eyes", { method: "DELETE" })).status).toBe(200);
    await gone;
  });

  test("is recorded when that is asked, and then can be had as an asciicast", async () => {
    const house = await openHouse();
    const terminal = await house.terminal("record=1&columns=90&rows=20");
    // Without an echo before it asks: what is typed at once would still be shown.
    terminal.type("stty -echo; printf 'gr\\303\\274n\\n'; read secret; stty echo; echo th''anks\n");
    await terminal.says("grün");
    terminal.type("a-secret-word\n");
    await terminal.says("thanks");
    terminal.send({ kind: "resize", columns: 120, rows: 40 });
    await terminal.until(() => terminal.frames.some((frame) => frame.kind === "size" && frame.columns === 120));
    terminal.type("head -c 400000 /dev/zero | tr '\\0' x; exit\n");
    await terminal.closed();
    const found = (await rowsUntil(house, ([first]) => typeof first?.endedAtMs === "number")) as {
      id: string;
      recorded: boolean;
    }[];
    expect(found[0]?.recorded).toBe(true);
    const cast = await house.get(`/api/terminals/${found[0]?.id}/recording`);
    expect(cast.status).toBe(200);
    const [head, ...events] = (await cast.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(head).toMatchObject({ version: 2, width: 90, height: 20 });
    const shown = (events as [number, string, string][])
      .filter(([, code]) => code === "o")
      .map(([, , text]) => text)
      .join("");
    expect(shown).toContain("grün");
    expect(shown).toContain("thanks");
    expect(shown).not.toContain("a-secret-word");
    expect(events).toContainEqual([expect.any(Number), "r", "120x40"]);
    for (let time = 0; time < 3; time += 1)
      expect((await house.get(`/api/terminals/${found[0]?.id}/recording`, { method: "HEAD" })).status).toBe(200);
    await expect.poll(() => openFiles(".cast")).toEqual([]);
    const times = (events as [number][]).map(([at]) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test("says why it does not open: another worker, a query that is none, a session that is over", async () => {
    const house = await openHouse();
    await expect(house.terminal("", { worker: "nobody" })).rejects.toMatchObject({ status: 404, code: "WORKER_NOT_FOUND" });
    await expect(house.terminal("columns=1")).rejects.toMatchObject({ status: 400, code: "REQUEST_INVALID", place: "columns" });
    await expect(house.terminal("", { headers: {} })).rejects.toMatchObject({ status: 401, code: "ACCESS_DENIED" });
    // What the worker itself refuses it says in band.
    const over = house.socket("/api/workers/worker/terminal?session=none-of-these", [TERMINAL_PROTOCOL]);
    const frame = once(over, "message");
    await opened(over);
    expect(String((await frame)[0])).toContain("TERMINAL_NOT_FOUND");
  });

  test("ends when its worker dies, and tells so", async () => {
    const house = await openHouse();
    const terminal = await house.terminal("");
    house.supervisor.child.kill("SIGKILL");
    await terminal.closed();
    const [row] = await rowsUntil(house, ([first]) => typeof first?.endedAtMs === "number");
    expect(row).toHaveProperty("why", expect.stringMatching(/^the worker hung up/));
    await expect(house.terminal("")).rejects.toMatchObject({ status: 502, code: "LINK_LOST" });
  });

  test("is hung up on when the house closes, with its row ended", async () => {
    const house = await openHouse();
    const terminal = await house.terminal("");
    await Promise.all([terminal.closed(), house.doors.close()]);
    expect(await rows(house)).toEqual([
      expect.objectContaining({ why: "the house is being closed", endedAtMs: expect.any(Number) }),
    ]);
  });

  test("in a test that waits in vain tells what for, and what came instead", async () => {
    const house = await openHouse();
    const terminal = await house.terminal("");
    terminal.type("echo in''stead\n");
    await terminal.says("instead");
    const waiting = terminal.says("never");
    terminal.patienceMs = 50;
    await expect(terminal.says("never")).rejects.toThrow(/^"never" did not come within 50 ms; .*instead.*"kind":"attached"/);
    terminal.type("exit\n");
    await expect(waiting).rejects.toThrow(/^"never" did not come before the terminal was hung up; .*instead/);
  });
});
