import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import type { TestEngine } from "../../../fixtures/engines/engines.ts";
import { buildWorkerTestImage } from "../../../fixtures/workers/image.ts";
import { openWorkerStand, type WorkerStand } from "../../../fixtures/workers/stand.ts";
import { crashesSuite } from "./crashes.ts";
import { doorsSuite } from "./doors.ts";
import { lifeSuite } from "./life.ts";
import { linksSuite } from "./links.ts";
import { outputSuite } from "./output.ts";
import { restartsSuite } from "./restarts.ts";
import { terminalsSuite } from "./terminals.ts";

/** Workers in real containers of one engine, started and asked by `novabot worker`. */
export function describeWorkers(name: string, start: () => Promise<TestEngine>): void {
  // A test is up to a score of commands, each a program of its own.
  describe(`workers on ${name}`, { timeout: 180_000 }, () => {
    let engine: TestEngine | undefined;
    let opened: WorkerStand | undefined;
    beforeAll(async () => {
      engine = await start();
      opened = await openWorkerStand(engine, await buildWorkerTestImage(engine.engine, engine.image));
    });
    afterAll(async () => {
      await opened?.close();
      await engine?.dispose();
    });
    const stand = (): WorkerStand => {
      if (!opened) throw new Error("the engine was not started");
      return opened;
    };
    // A test that passes has removed what it started; what one that fails leaves behind is no other's.
    beforeEach(async ({ onTestFailed }) => {
      const before = new Set(await stand().workers());
      onTestFailed(async () => {
        for (const worker of await stand().workers()) if (!before.has(worker)) await stand().remove(worker);
      });
    });
    lifeSuite(stand);
    crashesSuite(stand);
    outputSuite(stand);
    doorsSuite(stand);
    linksSuite(stand);
    terminalsSuite(stand);
    // Last, as it ends supervisors and daemons.
    restartsSuite(stand);
  });
}
