import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import type { Engine, Exit } from "../../../src/engine/engine.ts";
import type { ContainerSpec } from "../../../src/engine/spec.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";

/** A label that every container of these suites has. */
export const SUITE = { "novabot.test.suite": "engine" } as const;

export function specOf(fixture: TestEngine, script: string, changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: `novabot-test-${randomBytes(6).toString("hex")}`,
    image: fixture.image,
    labels: SUITE,
    entrypoint: ["/bin/bash", "-c", script],
    user: { uid: 1000, gid: 1000 },
    workingDirectory: "/",
    env: {},
    mounts: [],
    network: "none",
    limits: { memoryBytes: 128 * 2 ** 20, memorySwapBytes: 128 * 2 ** 20, cpus: 1, pids: 64 },
    stdin: true,
    autoRemove: true,
    ...changes,
  };
}

export interface RunResult extends Exit {
  readonly id: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a container from creation to its end, as an agent's is. */
export async function run(engine: Engine, spec: ContainerSpec, input: string | Buffer = ""): Promise<RunResult> {
  const id = await engine.create(spec);
  const streams = await engine.attach(id);
  const end = engine.wait(id);
  await engine.start(id);
  streams.stdin.end(input);
  const [stdout, stderr, exit] = await Promise.all([text(streams.stdout), text(streams.stderr), end]);
  return { id, stdout, stderr, ...exit };
}

/** Starts a container that has printed `ready` when this resolves. */
export async function startReady(
  engine: Engine,
  spec: ContainerSpec,
): Promise<{ id: string; end: Promise<Exit>; streams: Awaited<ReturnType<Engine["attach"]>> }> {
  const id = await engine.create(spec);
  const streams = await engine.attach(id);
  const end = engine.wait(id);
  await engine.start(id);
  for (let seen = ""; !seen.includes("ready\n");) {
    const chunk: unknown = await new Promise((resolve) => streams.stdout.once("readable", () => resolve(streams.stdout.read())));
    seen += String(chunk);
  }
  return { id, end, streams };
}
