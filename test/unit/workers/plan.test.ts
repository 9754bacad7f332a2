import { describe, expect, test } from "vitest";
import type { EngineInfo } from "../../../src/engine/engine.ts";
import { planWorker, reachOf, type WorkerContext } from "../../../src/workers/plan.ts";
import type { KeptWorker } from "../../../src/workers/worker.ts";

const engine: EngineInfo = {
  product: "Docker",
  version: "28.0.0",
  endpoint: "/run/docker.sock",
  rootless: false,
  shiftsIDs: false,
  sharesKernel: true,
  architecture: "x86_64",
  cpus: 4,
  memoryBytes: 2 ** 33,
};

const context: WorkerContext = {
  homeLabel: "0123456789abcdef",
  directories: { app: "/home/u/workers/web", data: "/home/u/data/workers/web", key: "/home/u/data/host/workers/web.key" },
  user: { uid: 1000, gid: 1001 },
  image: { id: "sha256:abc", labels: { "novabot.init": "own" } },
  engine,
  capabilities: {
    fileMounts: true,
    pidsLimit: true,
    swapLimit: true,
    networkNone: true,
    hardening: true,
    outOfMemory: true,
    restarts: true,
  },
  timeZone: "UTC",
  mayEnter: false,
};

const worker: KeptWorker = {
  name: "web",
  token: "a-token-of-some-length",
  settings: {
    image: "novabot-worker:latest",
    argv: ["node", "server.js", "--", "-x"],
    instance: "app",
    port: 3000,
    env: { MODE: "test", TZ: "Europe/Berlin" },
    network: "open",
    memoryBytes: 536_870_912,
    cpus: 1.5,
    pids: 64,
  },
  state: "starting",
  published: null,
  startedAtMs: 0,
};

describe("a worker's container", () => {
  test("to the letter", () => {
    expect(planWorker(worker, context)).toEqual({
      reach: "address",
      gaps: [],
      container: {
        name: "novabot-worker-web-01234567",
        image: "sha256:abc",
        labels: { "novabot.home": "0123456789abcdef", "novabot.kind": "worker", "novabot.worker": "web" },
        command: ["--instance-id", "app", "--port", "3000", "--", "node", "server.js", "--", "-x"],
        user: { uid: 1000, gid: 1001 },
        workingDirectory: "/workspace/app",
        env: {
          TZ: "Europe/Berlin",
          MODE: "test",
          NOVABOT_WORKER: "web",
          NOVABOT_CONTAINER: "novabot-worker-web-01234567",
          NOVABOT_WORKER_TOKEN_FILE: "/workspace/key/token",
        },
        ownInit: true,
        mounts: [
          { source: "/home/u/workers/web", target: "/workspace/app", readonly: false },
          { source: "/home/u/data/workers/web", target: "/workspace/data", readonly: false },
          { source: "/home/u/data/host/workers/web.key", target: "/workspace/key", readonly: true },
        ],
        network: "default",
        limits: { memoryBytes: 536_870_912, memorySwapBytes: 536_870_912, cpus: 1.5, pids: 64 },
        stdin: false,
        autoRemove: false,
        restart: "unless-stopped",
      },
    });
  });

  test("holds the token nowhere", () => {
    expect(JSON.stringify(planWorker(worker, context))).not.toContain(worker.token);
  });

  test("without a program has no arguments", () => {
    const settings = { ...worker.settings, argv: [], port: null };
    expect(planWorker({ ...worker, settings }, context).container.command).toEqual([]);
  });

  test("publishes ports only where its address cannot be reached", () => {
    const published = { door: 40_001, app: 40_002 };
    expect(planWorker({ ...worker, published }, context).container).not.toHaveProperty("ports");
    const elsewhere = { ...context, engine: { ...engine, rootless: true } };
    const plan = planWorker({ ...worker, published }, elsewhere);
    expect(plan.reach).toBe("published");
    expect(plan.container.ports).toEqual([
      { container: 8080, host: 40_001 },
      { container: 3000, host: 40_002 },
    ]);
    const settings = { ...worker.settings, network: "none" as const };
    expect(planWorker({ ...worker, settings, published }, elsewhere).container).not.toHaveProperty("ports");
  });

  test("tells what an engine cannot hold", () => {
    const capabilities = { ...context.capabilities, restarts: false, pidsLimit: false, swapLimit: false };
    const settings = { ...worker.settings, network: "none" as const };
    const { gaps, reach } = planWorker(
      { ...worker, settings },
      { ...context, capabilities, engine: { ...engine, rootless: true } },
    );
    expect(reach).toBe("none");
    expect(gaps).toHaveLength(5);
  });
});

test.each([
  ["open", { sharesKernel: true, rootless: false }, "address"],
  ["open", { sharesKernel: true, rootless: true }, "published"],
  ["open", { sharesKernel: false, rootless: false }, "published"],
  ["none", { sharesKernel: true, rootless: false }, "none"],
] as const)("a worker with the network %s on %j is reached by %s", (network, info, reach) => {
  expect(reachOf(network, info, false)).toBe(reach);
});

test("without a network its door is reached by who may enter it", () => {
  expect(reachOf("none", { sharesKernel: true, rootless: false }, true)).toBe("inside");
  expect(reachOf("none", { sharesKernel: false, rootless: false }, true)).toBe("none");
  expect(reachOf("open", { sharesKernel: true, rootless: false }, true)).toBe("address");
});
