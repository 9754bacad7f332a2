import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { podmanEngine } from "../../src/engine/podman/driver.ts";
import { buildImages } from "../../src/host/images/images.ts";
import type { ContainerOutput } from "../../src/model/protocol.ts";
import {
  type AgentRun,
  type GroupFolders,
  makeGroupFolders,
  openAgentContainer,
  pry,
  runAgentContainer,
} from "../fixtures/agent-container.ts";
import { type Daemon, startPodman } from "../fixtures/engines/daemon.ts";
import { promiseWorkers } from "../fixtures/worker-promises.ts";

// The images that people run, built by Buildah on a Podman of this test's own and run by Podman: the other tests of the images
// take the engine that is found, which is Docker where there are both. Building takes the network that Podman gives to builds.
let daemon: Daemon;
let engine: Engine;
let folders: GroupFolders;

beforeAll(async () => {
  folders = await makeGroupFolders();
  daemon = await startPodman();
  engine = podmanEngine({ socket: daemon.socket });
  await buildImages(engine, { which: "agent", env: process.env, install: false, say: () => undefined });
}, 600_000);

afterAll(async () => {
  await daemon?.dispose();
  await folders?.remove();
});

const run = async (input: AgentRun["input"], more: Partial<AgentRun> = {}) =>
  await runAgentContainer(engine, { folders, ...more, input });

test("the demo agent answers, with a network and without, and remembers its session", async () => {
  const first = await run({ prompt: "Who are you?", agent: "demo" });
  expect(first.exit).toEqual({ exitCode: 0, outOfMemory: false });
  expect(first.frames).toHaveLength(1);
  expect(first.frames[0]).toMatchObject({ status: "success", nonce: "n0nce" });
  expect(first.frames[0]?.result).toContain("You asked: Who are you?");
  expect(first.frames[0]?.result).toContain("user 1000:1000");
  expect(first.frames[0]?.result).toContain("Network: no, only loopback.");
  const sessionId = String(first.frames[0]?.newSessionId);
  const second = await run({ prompt: "And now?", agent: "demo", sessionId }, { network: "default" });
  expect(second.frames[0]?.result).toContain("turn 2 of our session; before it you said: Who are you?");
  expect(second.frames[0]?.result).toContain("Network: yes.");
});

test("what only the runner may know cannot be read or written by the agent, though it is the same user", async () => {
  const { frames, stdout, stderr } = await run({ prompt: "x", agent: { command: ["sh", "-c", pry] } });
  const result = String(frames[0]?.result);
  expect(result).toContain("found /app/agent-runner/init");
  expect(result).toContain("found /app/agent-runner/ld.so");
  expect(result).not.toMatch(/^(read|wrote|listed)/m);
  expect(stdout).not.toContain("\nforged");
  expect(stderr).not.toContain("could be forged");
});

test("an init that can be read, which the engine's is, would open it", async () => {
  const forge = { command: ["sh", "-c", "echo forged > /proc/1/fd/1"] };
  const { stdout } = await run({ prompt: "x", agent: forge }, { engineInit: true });
  expect(stdout).toContain("forged\n");
});

test("a container that is kept serves runs, leads to a socket of the host, and lets nothing of a run live on", async () => {
  const gateway = createServer((client) => client.on("error", () => undefined).end("from the host"));
  await new Promise<void>((resolve) =>
    gateway.listen({ path: join(folders.gateway, "gateway.sock"), writableAll: true }, resolve),
  );
  const container = await openAgentContainer(engine, { folders, env: { NOVABOT_CONTAINER_MODE: "persistent" } });
  try {
    const last = async (name: string): Promise<ContainerOutput> =>
      await container.frame((frame) => frame.run === name && frame.final === true);
    const shell = (script: string): AgentRun["input"] => ({ prompt: "x", agent: { command: ["bash", "-c", script] } });
    const dial = "setsid sleep 1000 & cat <>/dev/tcp/127.0.0.1/${ANTHROPIC_BASE_URL##*:}; echo; novabot send hi --no-wait";
    container.send({ ...shell(dial), run: "a", gateway: { broker: true, proxy: false } });
    expect((await last("a")).result).toMatch(/^from the host\nQueued/);
    container.send({ ...shell("pgrep -c sleep; true"), run: "b" });
    expect((await last("b")).result).toBe("0");
    container.end();
    expect((await container.ended).exit.exitCode).toBe(0);
  } finally {
    await engine.remove(container.id);
    gateway.close();
  }
});

// On the base that is there by now.
describe("a worker", () => {
  beforeAll(async () => {
    await buildImages(engine, { which: "worker", env: process.env, install: false, say: () => undefined });
  }, 600_000);

  promiseWorkers(() => engine);
});
