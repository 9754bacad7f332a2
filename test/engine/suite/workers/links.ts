import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { askHealth } from "../../../../src/host/workers/reach.ts";
import type { WorkerRecord } from "../../../../src/model/record.ts";
import { TERMINAL_PROTOCOL } from "../../../../src/model/terminal-frames.ts";
import { dialFrom } from "../../../../src/workers/link/dial.ts";
import { openLink } from "../../../../src/workers/link/link.ts";
import { openCuttingProxy } from "../../../fixtures/cutting-proxy.ts";
import { until } from "../../../fixtures/engines/processes.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";
import { randomBelow } from "../../../fixtures/seeded-random.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

/** By hand, and before a release: `NOVABOT_CUT_SECONDS=60`. */
const SECONDS = Number(process.env["NOVABOT_CUT_SECONDS"] ?? 10);
/** Of two hundred bytes each. */
const LINES = SECONDS * 5000;
/** Five thousand lines a second where the machine can, and one on the other stream for each hundred. */
const LOAD = `
  const x = "x".repeat(190);
  let n = 0, e = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 50; i++) console.log(x, ++n);
    if (n % 100 === 0) console.error("beside", ++e);
    if (n >= ${LINES}) { clearInterval(timer); console.log("lines", n); }
  }, 10);`;

export function linksSuite(stand: () => WorkerStand): void {
  describe("what comes through the doors", () => {
    test(
      "a link that is cut at random bytes under load brings every record, once and in order",
      async () => {
        const { must, way, token, begin } = stand();
        await must("worker", "start", "torn");
        const whole = await way("torn");
        const random = randomBelow(5);
        const torn = await openCuttingProxy(
          () => whole.port,
          () => 1 + random(random(4) === 0 ? 2000 : 1_000_000),
        );
        const address = { host: "127.0.0.1", port: torn.port, token: await token("torn") };
        const sink = new MemorySink();
        const link = openLink({ dial: dialFrom(() => address), sink, firstDelayMs: 20, mostDelayMs: 200 });
        try {
          await begin("torn", "load", ["node", "-e", LOAD], ["--restart", "never"]);
          const kept = await until(
            "the last record",
            () => {
              const records = [...sink.boots.values()][0] ?? [];
              return records.slice(-20).some(isEnd) && records;
            },
            (2 * SECONDS + 60) * 1000,
          );
          expect(sink.wrong).toEqual([]);
          expect(sink.boots.size).toBe(1);
          expect(torn.cuts).toBeGreaterThan(SECONDS);
          expect(kept.filter(({ kind }) => kind === "lost")).toEqual([]);
          const written = (stream: string): string[] =>
            kept.flatMap((record) => (record.kind === "log" && record.stream === stream ? [record.text] : []));
          const out = written("stdout");
          const count = Number(/^lines (\d+)$/.exec(out.pop() ?? "")?.[1]);
          expect(count).toBe(LINES);
          expect(out.length).toBe(count);
          expect(out.findIndex((text, index) => text !== `${"x".repeat(190)} ${index + 1}`)).toBe(-1);
          expect(written("stderr")).toEqual(Array.from({ length: Math.floor(count / 100) }, (_, index) => `beside ${index + 1}`));
        } finally {
          await link.close();
        }
      },
      (2 * SECONDS + 120) * 1000,
    );

    test("noise, and frames that are nearly right, harm nobody else", async () => {
      const { way, token, tools } = stand();
      const { port } = await way("torn");
      const address = { host: "127.0.0.1", port, token: await token("torn") };
      const link = openLink({ dial: dialFrom(() => address) });
      const random = randomBelow(6);
      const bytes = (most: number): Buffer => Buffer.from(Array.from({ length: 1 + random(most) }, () => random(256)));
      try {
        const before = await link.call("supervisor.info", {});
        for (const [path, protocol] of [
          ["/ws", null],
          ["/terminal", null],
          ["/terminal", TERMINAL_PROTOCOL],
        ] as const) {
          const upgrade = [
            `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${address.token}\r\nConnection: Upgrade\r\nUpgrade: websocket`,
            `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${btoa("0123456789abcdef")}`,
            ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
          ].join("\r\n");
          const raw = Array.from({ length: 20 }, async (_, index) => {
            const socket = connect(port, "127.0.0.1");
            socket.on("error", () => {}).resume();
            // Behind the request, in it, and in its place.
            const head = index % 3 === 0 ? "" : index % 3 === 1 ? upgrade : `${upgrade}\r\n\r\n`;
            socket.end(Buffer.concat([Buffer.from(head), bytes(300)]));
            await once(socket, "close");
          });
          const framed = Array.from({ length: 20 }, async (_, index) => {
            const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol === null ? [] : [protocol], {
              headers: { authorization: `Bearer ${address.token}` },
            });
            socket.on("error", () => {});
            await once(socket, "open");
            const right = JSON.stringify({ type: "call", id: 1, name: "process.stop", params: { id: "torn" } });
            socket.send(index % 2 === 0 ? bytes(300) : right.slice(0, random(right.length)));
            socket.send(Buffer.alloc(index === 0 ? 64 * 2 ** 20 : 100, random(8)));
            socket.close();
            await once(socket, "close");
          });
          await Promise.all([...raw, ...framed]);
        }
        for (const door of ["terminal", "websocket"] as const)
          expect(await askHealth(address, door)).toEqual({ healthy: true, reason: null });
        const after = await link.call("supervisor.info", {});
        expect(after).toMatchObject({ pid: before.pid, bootID: before.bootID });
        expect(after.rssBytes).toBeLessThan(300 * 2 ** 20);
        expect(JSON.parse(await tools("torn", "process", "list", "--format", "json"))).toMatchObject({
          instances: [{ id: "load" }],
        });
      } finally {
        await link.close();
      }
      await stand().must("worker", "stop", "torn", "--remove", "--remove-data", "torn");
    });
  });
}

function isEnd(record: WorkerRecord): boolean {
  const { event } = record.kind === "event" ? record : {};
  return record.instance === "load" && event?.type === "instance" && event.status.state === "stopped";
}
