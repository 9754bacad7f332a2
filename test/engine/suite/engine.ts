import { afterAll, beforeAll } from "vitest";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { egressSuite } from "./egress.ts";
import { imagesSuite } from "./images.ts";
import { isolationSuite } from "./isolation.ts";
import { lifecycleSuite } from "./lifecycle.ts";
import { lossSuite } from "./loss.ts";
import { observationSuite } from "./observation.ts";
import { descriptionsSuite } from "./observation-descriptions.ts";
import { servingSuite } from "./serving.ts";
import { socketsSuite } from "./sockets.ts";
import { streamsSuite } from "./streams.ts";

/** Everything that an engine promises, asked of a real one. */
export function engineSuite(start: () => Promise<TestEngine>): void {
  let started: TestEngine | undefined;
  const fixture = (): TestEngine => {
    if (!started) throw new Error("the engine was not started");
    return started;
  };
  beforeAll(async () => {
    started = await start();
  });
  afterAll(async () => await started?.dispose());

  streamsSuite(fixture);
  lifecycleSuite(fixture);
  isolationSuite(fixture);
  egressSuite(fixture);
  socketsSuite(fixture);
  servingSuite(fixture);
  observationSuite(fixture);
  descriptionsSuite(fixture);
  imagesSuite(fixture);
  // Last, because it ends the daemon again and again.
  lossSuite(fixture);
}
