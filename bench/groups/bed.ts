import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { changeGroups } from "../../src/agents/groups/registry.ts";
import { openHome, type Home } from "../../src/agents/home/home.ts";
import { dockerEngine } from "../../src/engine/docker/driver.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { labels } from "../../src/engine/spec.ts";
import { Serve } from "../../src/host/serve/serve.ts";
import type { ContainerMode, Group } from "../../src/model/group.ts";
import type { OutgoingMessage } from "../../src/model/message.ts";

/** The agent of every group here, one small process: what is around it is what is measured. It says what it was told. */
export const command: readonly string[] = ["cat"];

/** A message that the agent finds this number in. */
export function textOf(number: number): string {
  return `n${number}n`;
}

/** The numbers in an agent's answer, in its order. */
export function numbersIn(answer: string): number[] {
  return [...answer.matchAll(/n(\d+)n/g)].map(([, digits]) => Number(digits));
}

export function liveGroup(folder: string, mode: ContainerMode): Group {
  return {
    jid: `local:${folder}`,
    name: folder,
    folder,
    isMain: false,
    agent: { command },
    containerConfig: { mode, memory: "256m", pids: 64 },
  };
}

/** A served home with an engine, and whatever its agents say to their chats. */
export interface LiveBed {
  readonly home: Home;
  readonly engine: Engine;
  readonly serve: Serve;
  /** Called when an agent has its prompt. */
  onHandOver: () => void;
  /** Called with each message that goes out to a chat. */
  onMessage: (message: OutgoingMessage) => void;
  close(): Promise<void>;
}

export async function serveBed(
  socket: string,
  groups: readonly Group[],
  env: Readonly<Record<string, string>>,
): Promise<LiveBed> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-bench-"));
  const engine = dockerEngine({ socket });
  const home = await openHome(join(directory, "home"), { create: true });
  await changeGroups(home, () => groups);
  const said = { onHandOver: (): void => undefined, onMessage: (_message: OutgoingMessage): void => undefined };
  const serve = await Serve.open({
    home,
    engine,
    env: { HOME: directory, TZ: "UTC", ...env },
    logger: pino({ level: "silent" }),
    chats: () => ({ send: async (message) => said.onMessage(message) }),
  });
  const { runs } = serve.installation;
  const run = runs.run.bind(runs);
  runs.run = async (request) =>
    await run({
      ...request,
      onLive(live) {
        said.onHandOver();
        request.onLive?.(live);
      },
    });
  return Object.assign(said, {
    home,
    engine,
    serve,
    async close() {
      await serve.close();
      for (const { id } of await engine.list({ [labels.home]: home.label })) await engine.remove(id);
      await rm(directory, { recursive: true, force: true });
    },
  });
}
