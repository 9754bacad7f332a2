import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe } from "vitest";
import { withDocker, type TestEngine } from "../fixtures/engines/engines.ts";
import { houseChecksSuite } from "./suite/house-checks.ts";
import { agentChecksSuite } from "./suite/live-checks-agents.ts";
import { liveChecksSuite } from "./suite/live-checks.ts";

describe("live checks on docker", () => {
  let started: TestEngine | undefined;
  beforeAll(async () => {
    started = await withDocker();
    // Its network is its own, and in a new one loopback is down: ports could not be published there.
    const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
    execFileSync("nsenter", ["--net", "-t", String(started.daemon.pid), "ip", "link", "set", "lo", "up"], { env });
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
