import { afterAll, beforeAll, describe } from "vitest";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { type House, openHouse } from "../../fixtures/workers/house.ts";
import { buildWorkerTestImage } from "../../fixtures/workers/image.ts";
import { openWorkerStand, type WorkerStand } from "../../fixtures/workers/stand.ts";
import { connectionsSuite } from "./orchestrator/connections.ts";
import { databaseSuite } from "./orchestrator/database.ts";
import { killedSuite } from "./orchestrator/killed.ts";
import { processesSuite } from "./orchestrator/processes.ts";
import { terminalsSuite } from "./orchestrator/terminals.ts";

/**
 * What the requirement on worker containers wants tested, from a client through the whole orchestrator to workers in real containers and back. The tests
 * have the names of its items; `test/requirements.test.ts` says which tests hold each of them.
 */
export function describeOrchestrator(name: string, start: () => Promise<TestEngine>, network: "open" | "none"): void {
  describe(`the orchestrator and workers on ${name}`, { timeout: 120_000 }, () => {
    let engine: TestEngine | undefined;
    let opened: WorkerStand | undefined;
    let up: House | undefined;
    beforeAll(async () => {
      engine = await start();
      opened = await openWorkerStand(engine, await buildWorkerTestImage(engine.engine, engine.image));
      up = await openHouse(opened, ["shop", "depot"], network);
    });
    afterAll(async () => {
      await up?.close();
      await opened?.close();
      await engine?.dispose();
    });
    const house = (): House => {
      if (!up) throw new Error("the house was not brought up");
      return up;
    };
    terminalsSuite(house);
    connectionsSuite(house);
    processesSuite(house);
    databaseSuite(house);
    // Last, as it ends the house that the others share.
    killedSuite(house);
  });
}
