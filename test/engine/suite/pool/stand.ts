import { expect, vi } from "vitest";
import type { RunRequest } from "../../../../src/agents/run/request.ts";
import type { RunResult } from "../../../../src/agents/run/report.ts";
import type { Engine } from "../../../../src/engine/engine.ts";
import type { Group } from "../../../../src/model/group.ts";
import type { TestEngine } from "../../../fixtures/engines/engines.ts";
import { buildScriptImage, patient, polite, type Stage } from "../../../fixtures/stage.ts";

export const small = { memory: "64m", network: "none" } as const;
/** Says which container it is: with the network of its own, a container's host name is its id's beginning or its name. */
export const named = `${polite}\nframe "$HOSTNAME"`;
export const serving = `${patient}\nanswer() { n=$((n + 1)); final "$HOSTNAME $n"; }\nserve`;

/** What all parts share: the engine under test and its images, from when `open` has resolved. */
export class PoolStand {
  under!: TestEngine;
  engine!: Engine;
  /** Runs one script and ends. */
  image!: string;
  /** Can be kept, and takes follow-ups. */
  able!: string;

  async open(start: () => Promise<TestEngine>): Promise<void> {
    this.under = await start();
    this.engine = this.under.engine;
    this.image = await buildScriptImage(this.engine, this.under.image, "2");
    this.able = await buildScriptImage(this.engine, this.under.image, "2", { abilities: ["persistent", "follow-ups"] });
  }

  async close(): Promise<void> {
    await this.under?.dispose();
  }
}

export const warm = async (stage: Stage, group: Group, request: Partial<RunRequest> = {}): Promise<RunResult> =>
  await stage.run(group, { mode: "warm", ...request });
export const kept = async (stage: Stage, group: Group, request: Partial<RunRequest> = {}): Promise<RunResult> =>
  await stage.run(group, { mode: "persistent", ...request });
export const states = (stage: Stage): string[] =>
  stage.installation.runs.pool
    .status()
    .map(({ group, mode, state }) => `${group} ${mode} ${state}`)
    .toSorted();
export const settled = async (stage: Stage, ...expected: readonly string[]): Promise<void> =>
  await vi.waitFor(() => expect(states(stage)).toEqual(expected), { timeout: 20_000, interval: 20 });
export const waiting = (stage: Stage, folder: string): string | null | undefined =>
  stage.installation.runs.pool.status().find(({ group, state }) => group === folder && state === "idle")?.container;
