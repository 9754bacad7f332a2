import { afterAll, beforeAll, describe } from "vitest";
import type { TestEngine } from "../../../fixtures/engines/engines.ts";
import { describeAround } from "./around.ts";
import { describeFollowUps } from "./follow-ups.ts";
import { describeKept } from "./kept.ts";
import { PoolStand } from "./stand.ts";
import { describeWarm } from "./warm.ts";

/** Warm containers, containers that are kept, follow-ups and cancelling, on a real engine. */
export function describePool(name: string, open: () => Promise<TestEngine>): void {
  describe(`waiting containers on ${name}`, () => {
    const stand = new PoolStand();
    beforeAll(async () => await stand.open(open));
    afterAll(async () => await stand.close());

    describeWarm(stand);
    describeKept(stand);
    describeFollowUps(stand);
    // Last, because it ends the daemon.
    describeAround(stand);
  });
}
