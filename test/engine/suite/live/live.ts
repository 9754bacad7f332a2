import { afterAll, beforeAll, describe } from "vitest";
import type { TestEngine } from "../../../fixtures/engines/engines.ts";
import { describeCrashes } from "./crashes.ts";
import { describeFailures } from "./failures.ts";
import { describeHandover } from "./handover.ts";
import { describeRestarts } from "./restarts.ts";
import { LiveStand } from "./stand.ts";

/** A home that is served for real: crashes, restarts and what is handed over at the last moment. */
export function describeLive(name: "Docker" | "Podman", open: () => Promise<TestEngine>): void {
  describe(`a served home on ${name}`, () => {
    const stand = new LiveStand(name);
    beforeAll(async () => await stand.open(open));
    afterAll(async () => await stand.close());

    describeCrashes(stand);
    describeRestarts(stand);
    describeHandover(stand);
    describeFailures(stand);
  });
}
