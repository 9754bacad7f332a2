import { describe, expect, test } from "vitest";
import { askHealth } from "../../../../src/host/workers/reach.ts";
import { dialFrom } from "../../../../src/workers/link/dial.ts";
import { openLink } from "../../../../src/workers/link/link.ts";
import { until } from "../../../fixtures/engines/processes.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

export function doorsSuite(stand: () => WorkerStand): void {
  describe("the doors", () => {
    test("health is told by what is checked: without room for a process no terminal opens, and a supervisor that hangs answers nothing", async () => {
      const { must, way, token, exec } = stand();
      const name = "tight";
      await must("worker", "start", name, "--pids", "64");
      const { port } = await way(name);
      const address = { host: "127.0.0.1", port, token: await token(name) };
      expect(await askHealth(address, "terminal")).toEqual({ healthy: true, reason: null });
      expect(await askHealth(address, "websocket")).toEqual({ healthy: true, reason: null });
      const wrong = await askHealth({ ...address, token: "x".repeat(43) }, "terminal");
      expect(wrong).toMatchObject({ healthy: false });

      const link = openLink({ dial: dialFrom(() => address) });
      try {
        const forks =
          "const { spawn } = require('child_process'); for (let n = 0; n < 100; n++) spawn('sleep', ['1000']).on('error', () => {}); setTimeout(() => {}, 1e6)";
        const { instanceSpecSchema } = await import("../../../../src/model/instance.ts");
        const spec = instanceSpecSchema.parse({ id: "forks", argv: ["node", "-e", forks], restart: { when: "never" } });
        await link.call("process.start", { spec });
        const sick = await until("a terminal that does not open", async () => {
          const health = await askHealth(address, "terminal");
          return !health.healthy && health;
        });
        expect(sick.reason).not.toBe("");
        expect((await askHealth(address, "websocket")).healthy).toBe(true);
        expect((await link.call("process.list", {})).instances).toMatchObject([{ id: "forks", state: "running" }]);
        await link.call("process.stop", { id: "forks" });
        await until("a terminal that opens again", async () => (await askHealth(address, "terminal")).healthy);

        const { pid } = await link.call("supervisor.info", {});
        await exec(name, "sh", "-c", `kill -STOP ${pid}`);
        for (const door of ["terminal", "websocket"] as const) expect((await askHealth(address, door, 1000)).healthy).toBe(false);
        await exec(name, "sh", "-c", `kill -CONT ${pid}`);
        await until("health again", async () => (await askHealth(address, "websocket")).healthy);
      } finally {
        await link.close();
      }
      await must("worker", "stop", name, "--remove", "--remove-data", name);
    });
  });
}
