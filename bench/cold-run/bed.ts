import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { openHome, type Home } from "../../src/agents/home/home.ts";
import { prepareHome } from "../../src/agents/home/prepare.ts";
import { containerSpec } from "../../src/agents/run/container.ts";
import { dockerEngine } from "../../src/engine/docker/driver.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { labels, type ContainerSpec } from "../../src/engine/spec.ts";
import { Installation } from "../../src/host/installation.ts";
import type { Group } from "../../src/model/group.ts";
import { IMAGE } from "./agent-image.ts";

/** A home of its own with an engine: what every subject works in. */
export interface Bed {
  readonly engine: Engine;
  readonly installation: Installation;
  readonly home: Home;
  /** The container that NovaBot would make for the group, under a new name, with its directories made: for those who start it themselves. */
  spec(group: Group): Promise<ContainerSpec>;
  close(): Promise<void>;
}

export function group(folder: string): Group {
  const containerConfig = { memory: "256m", pids: 64, network: "open" } as const;
  return { jid: `local:${folder}`, name: folder, folder, isMain: false, containerConfig };
}

/** What a container reads, as JSON. */
export function inputFor(of: Group, prompt: string): string {
  return JSON.stringify({ prompt, groupFolder: of.folder, chatJid: of.jid, isMain: false, isScheduledTask: false });
}

export async function makeBed(socket: string): Promise<Bed> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-bench-"));
  const engine = dockerEngine({ socket });
  const home = await openHome(join(directory, "home"), { create: true });
  const env = { HOME: directory, NOVABOT_AGENT_IMAGE: IMAGE, NOVABOT_MAX_CONTAINERS: "100", TZ: "UTC" };
  const installation = await Installation.open({ home, engine, env, logger: pino({ level: "silent" }) });
  return {
    engine,
    installation,
    home,
    async spec(of) {
      const plan = await installation.runs.plan(of);
      const image = await engine.findImage(IMAGE);
      if (!image) throw new Error(`there is no image ${IMAGE}`);
      await prepareHome(home, plan);
      const identity = { id: randomBytes(6).toString("hex"), host: installation.presence.id, madeAtMs: Date.now() };
      return containerSpec({ plan, image }, home, identity, { kept: false, door: null });
    },
    async close() {
      for (const { id } of await engine.list({ [labels.home]: home.label })) await engine.remove(id);
      await installation.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
