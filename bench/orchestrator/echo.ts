import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { decodeTerminalOutput, encodeTerminalInput, TERMINAL_PROTOCOL } from "../../src/model/terminal-frames.ts";
import { startHouse } from "../supervisor/house.ts";
import { median, percentile, table } from "../table.ts";
import type { DoorsOrder, DoorsReport } from "./echo/doors.ts";

const KEYS = 2000;
const AIM_MS = 1;

/** What the orchestrator's proxy adds to a key's echo: the same worker's terminal looked at beside it and through it, key by key in turns. */
export async function measureEcho(say: (text: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "novabot-bench-echo-"));
  const house = await startHouse(directory);
  const doors = fork(join(import.meta.dirname, "echo/doors.ts"));
  try {
    const worker = { host: "127.0.0.1", port: house.port, token: house.token };
    const ready = once(doors, "message") as Promise<[DoorsReport]>;
    doors.send({ home: join(directory, "home"), worker } satisfies DoorsOrder);
    const [{ url, token }] = await ready;
    const ways = [
      { name: "the worker itself", shell: await open(`ws://127.0.0.1:${house.port}/terminal`, house.token) },
      { name: "through the orchestrator", shell: await open(`${url.replace("http", "ws")}/api/workers/worker/terminal`, token) },
    ].map((way) => ({ ...way, times: [] as number[] }));
    for (let key = -100; key < KEYS; key += 1) {
      for (const { shell, times } of ways) {
        const time = await shell.echo(String.fromCharCode(97 + ((key + 100) % 26)));
        if (key >= 0) times.push(time);
        await sleep(1);
      }
      if (key % 1000 === 999) for (const { shell } of ways) await shell.clear();
    }
    for (const { shell } of ways) shell.close();
    say(`From a key to its echo, ${KEYS} keys each way by turns.\n`);
    const rows = ways.map(({ name, times }) => [name, median(times).toFixed(2), percentile(times, 0.99).toFixed(2)]);
    say(table(["way", "median ms", "99th percentile"], rows));
    const [bare, proxied] = ways.map(({ times }) => median(times));
    const added = (proxied ?? 0) - (bare ?? 0);
    say(`Added at the median: ${added.toFixed(2)} ms (aim: under ${AIM_MS} ms, ${added < AIM_MS ? "met" : "missed"}).`);
  } finally {
    const ended = once(doors, "exit");
    if (doors.connected) doors.disconnect();
    await ended;
    await house.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Shell {
  /** Milliseconds until the key came back. */
  echo(key: string): Promise<number>;
  /** Forgets the line that was typed. */
  clear(): Promise<void>;
  close(): void;
}

/** A shell in which `cat` waits for keys. */
async function open(url: string, token: string): Promise<Shell> {
  const socket = new WebSocket(url, [TERMINAL_PROTOCOL], {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  let hear: (text: string) => void = () => undefined;
  socket.on("message", (data: Buffer) => {
    const frame = decodeTerminalOutput(data);
    if (frame.kind === "error") throw new Error(frame.message);
    if (frame.kind !== "output") return;
    socket.send(encodeTerminalInput({ kind: "ack", offset: frame.offset + frame.bytes.length }));
    hear(Buffer.from(frame.bytes).toString("latin1"));
  });
  await once(socket, "open");
  const type = (text: string): void => socket.send(encodeTerminalInput({ kind: "input", bytes: Buffer.from(text) }));
  const says = async (wanted: string): Promise<number> => {
    let text = "";
    return await new Promise((resolve) => {
      hear = (more) => {
        text += more;
        if (text.includes(wanted)) resolve(performance.now());
      };
    });
  };
  const ready = says("READY");
  type("echo REA''DY; exec cat\n");
  await ready;
  await sleep(300);
  return {
    async echo(key) {
      const start = performance.now();
      const echoed = says(key);
      type(key);
      return (await echoed) - start;
    },
    async clear() {
      type("\x15");
      await sleep(100);
    },
    close() {
      socket.send(encodeTerminalInput({ kind: "close" }));
      socket.close();
    },
  };
}
