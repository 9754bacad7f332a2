import { afterAll, beforeAll, describe } from "vitest";
import { withPodman, type TestEngine } from "../fixtures/engines/engines.ts";
import { houseChecksSuite } from "./suite/house-checks.ts";
import { agentChecksSuite } from "./suite/live-checks-agents.ts";
import { liveChecksSuite } from "./suite/live-checks.ts";

describe("live checks on podman", () => {
  let started: TestEngine | undefined;
  beforeAll(async () => {
    started = await withPodman();
  });
  afterAll(async () => await started?.dispose());
  const fixture = (): TestEngine => {
    if (!started) throw new Error("the engine was not started");
    return started;
  };
  liveChecksSuite(fixture);
  agentChecksSuite(fixture);
  houseChecksSuite(fixture);
});
