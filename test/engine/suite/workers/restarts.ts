import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WorkerRecord } from "../../../../src/model/record.ts";
import { dialFrom } from "../../../../src/workers/link/dial.ts";
import { openLink } from "../../../../src/workers/link/link.ts";
import { until } from "../../../fixtures/engines/processes.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

const COUNT = "let n = 0; setInterval(() => { for (let i = 0; i < 20; i++) console.log(`line ${++n}`); }, 10)";

export function restartsSuite(stand: () => WorkerStand): void {
  describe("ends of what holds a worker", () => {
    beforeAll(async () => void (await stand().must("worker", "start", "count", "--", "node", "-e", COUNT)));
    afterAll(async () => void (await stand().must("worker", "stop", "count", "--remove", "--remove-data", "count")));

    test("kill -9 of the supervisor: the engine starts the container again, and records are neither lost nor doubled", async () => {
      const { way, token, exec, container } = stand();
      const { port } = await way("count");
      const address = { host: "127.0.0.1", port, token: await token("count") };
      const sink = new MemorySink();
      const link = openLink({ dial: dialFrom(() => address), sink, mostDelayMs: 500 });
      try {
        const first = await link.call("supervisor.info", {});
        await sink.until(first.bootID, 200);
        const before = (await container("count"))?.id;
        await exec("count", "sh", "-c", `kill -9 ${first.pid}`).catch(() => undefined);
        const second = await until("another boot", async () => {
          const info = await link.call("supervisor.info", {}).catch(() => undefined);
          return info !== undefined && info.bootID !== first.bootID && info;
        });
        expect((await container("count"))?.id).toBe(before);
        await sink.until(second.bootID, 200);
        expect(sink.wrong).toEqual([]);
        expect([...sink.boots.keys()]).toEqual([first.bootID, second.bootID]);
        for (const boot of [first.bootID, second.bootID]) {
          const lines = sink.of(boot).filter((record): record is WorkerRecord & { kind: "log" } => record.kind === "log");
          expect(lines.map(({ text }) => text)).toEqual(lines.map((_, index) => `line ${index + 1}`));
        }
        const booted = sink.of(second.bootID)[0];
        expect(booted).toMatchObject({
          kind: "event",
          event: { type: "booted", previous: { bootID: first.bootID, clean: false } },
        });
        expect((await exec("count", "ps", "-eo", "args")).stdout.match(/^node -e /gm)).toHaveLength(1);
      } finally {
        await link.close();
      }
    });

    test("after the engine itself was stopped and started, workers that ran run, and others do not", async () => {
      const { must, fixture, container } = stand();
      await must("worker", "start", "rests", "--", "sleep", "1000");
      await must("worker", "stop", "rests");
      await fixture.daemon.kill("SIGTERM");
      await fixture.daemon.start();
      await until("the worker's return", async () => (await container("count"))?.running);
      const views = await until("its doors", async () => {
        const listed = JSON.parse(await must("worker", "list", "--json")) as {
          name: string;
          state: string;
          health: { websocket: { healthy: boolean } } | null;
        }[];
        return listed.find(({ name }) => name === "count")?.health?.websocket.healthy && listed;
      });
      expect(views.map(({ name, state }) => [name, state])).toEqual([
        ["count", "running"],
        ["rests", "stopped"],
      ]);
      await must("worker", "stop", "rests", "--remove", "--remove-data", "rests");
    });
  });
}
