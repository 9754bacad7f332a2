import { describe, expect, test, vi } from "vitest";
import type { EventEntry, LogEntry } from "../../../../src/model/entry.ts";
import { type House, PATIENCE_MS } from "../../../fixtures/workers/house.ts";
import { isLine, isProcess, shell } from "./entries.ts";

/** "WebSocket Integration" of the requirement. */
export function connectionsSuite(house: () => House): void {
  describe("connections", () => {
    test("Test Orchestrator → Container proxy: what the orchestrator asks is done in the container, and answered by it", async () => {
      const { client, stand, fetch } = house();
      const { health } = await client.call("workers.health", { workerName: "depot" });
      expect(health.websocket).toMatchObject({ healthy: true, reason: null });
      expect((await fetch("/health/websocket")).status).toBe(200);
      await client.call("process.start", {
        instanceId: "proxied",
        worker: "depot",
        ...shell("echo $$ > /tmp/proxied; exec sleep 600"),
      });
      const { status } = await client.call("process.status", { instanceId: "proxied" });
      expect(status.state).toBe("running");
      await vi.waitFor(async () => expect((await stand.exec("depot", "cat", "/tmp/proxied")).stdout).toBe(`${status.pid}\n`), {
        timeout: PATIENCE_MS,
      });
      await client.call("process.stop", { instanceId: "proxied", graceMs: 1000 });
    });

    test("Test client → Orchestrator → Container connection: over one WebSocket a client starts a process and hears what it says", async () => {
      const monitoring = house().client.openMonitoring();
      const heard = await house().listen({ workers: ["shop"], instances: ["talker"] });
      try {
        const talk = shell("read -t 0.01 nothing; echo 'from inside'; echo 'and aloud' >&2; exec sleep 600");
        const started = await monitoring.call("process.start", { instanceId: "talker", worker: "shop", ...talk });
        expect(started).toMatchObject({ worker: "shop", instance: "talker" });
        expect(await heard.first(isLine("from inside"))).toMatchObject({
          worker: "shop",
          container: started.container,
          stream: "stdout",
        });
        expect(await heard.first(isLine("and aloud"))).toMatchObject({ stream: "stderr" });
        await monitoring.call("process.stop", { instanceId: "talker", graceMs: 1000 });
        expect(await heard.first(isProcess("stopped"))).toMatchObject({ worker: "shop", instance: "talker" });
      } finally {
        monitoring.close();
      }
    });

    test("Test Orchestrator → Container proxy: whoever holds the container's WebSocket holds it again after the container's own end", async () => {
      const { client, stand } = house();
      const heard = await house().listen({ workers: ["depot"] });
      const before = (await client.call("workers.get", { workerName: "depot" })).worker;
      await client.call("process.start", {
        instanceId: "lasting",
        worker: "depot",
        spec: {
          ...shell("echo begun in $$; exec sleep 600").spec,
          restart: { when: "always", maxRestarts: 100, windowMs: 60_000, delayMs: 10, maxDelayMs: 10, healthyAfterMs: 1000 },
        },
        wait: "running",
      });
      await heard.until((entries) => entries.some((entry) => entry.kind === "log" && entry.text.startsWith("begun in")));
      const id = (await stand.container("depot"))?.id ?? "";
      await stand.fixture.engine.stop(id, 5000);
      const state =
        (is: string) =>
        (entry: (typeof heard.entries)[number]): entry is EventEntry =>
          entry.kind === "event" && entry.event.type === "worker" && entry.event.state === is;
      expect(await heard.first(state("stopped"))).toMatchObject({ worker: "depot" });
      await expect(client.call("process.restart", { instanceId: "lasting", worker: "depot" })).rejects.toMatchObject({
        code: "WORKER_UNREACHABLE",
      });
      await stand.fixture.engine.start(id);
      await heard.first(state("linked"));
      // The instance that was to run always does again, and says so over the new connection.
      const begun = (): LogEntry[] =>
        heard.entries.filter((entry): entry is LogEntry => entry.kind === "log" && entry.text.startsWith("begun in"));
      await heard.until(() => begun().length === 2);
      const after = (await client.call("workers.get", { workerName: "depot" })).worker;
      expect(after).toMatchObject({ state: "linked", container: before.container });
      expect(after.bootID).not.toBe(before.bootID);
      expect(begun().map(({ bootID }) => bootID)).toEqual([before.bootID, after.bootID]);
      await client.call("process.stop", { instanceId: "lasting", worker: "depot", graceMs: 1000 });
    });
  });
}
