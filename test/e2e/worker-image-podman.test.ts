import { afterAll, beforeAll } from "vitest";
import { podmanEngine } from "../../src/engine/podman/driver.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { buildImages } from "../../src/host/images/images.ts";
import { type Daemon, startPodman } from "../fixtures/engines/daemon.ts";
import { promiseWorkers } from "../fixtures/worker-promises.ts";

// The workers' image as people get it with Podman: built by Buildah on a Podman of this test's own, and run by Podman. What the image holds is
// tested on the engine that is found, which is Docker where there are both.
let daemon: Daemon;
let engine: Engine;

beforeAll(async () => {
  daemon = await startPodman();
  engine = podmanEngine({ socket: daemon.socket });
  await buildImages(engine, { which: "worker", env: process.env, install: false, say: () => undefined });
}, 600_000);

afterAll(() => daemon?.dispose());

promiseWorkers(() => engine);
