import type { Home } from "../../../agents/home/home.ts";
import { agentUser } from "../../../agents/home/agent-user.ts";
import type { Expectations } from "../../../contract/live/subject.ts";
import type { Engine, EngineInfo } from "../../../engine/engine.ts";
import { labels } from "../../../engine/spec.ts";
import { messageOf } from "../../../model/errors.ts";
import { instanceIDPattern } from "../../../model/instance.ts";
import type { Environment } from "../../state.ts";
import { thisHost } from "../../this-host.ts";
import { readWorker } from "../../workers/worker-files.ts";
import { mayEnter, planOf, workerContainers } from "../../workers/workers.ts";
import type { HomeContainer } from "./agents.ts";

/** The containers of a home's workers that run, and what is kept of each says it shall be. */
export async function workerSubjects(home: Home, env: Environment, engine: Engine, info: EngineInfo): Promise<HomeContainer[]> {
  const user = agentUser(thisHost(), info);
  const found: HomeContainer[] = [];
  for (const container of await workerContainers({ engine, home })) {
    if (!container.running) continue;
    const name = container.labels[labels.worker] ?? "";
    found.push({ container, name, expected: await expected(name) });
  }
  return found;

  async function expected(name: string): Promise<Expectations | string> {
    try {
      const worker = instanceIDPattern.test(name) ? await readWorker(home, name) : undefined;
      if (!worker) return `the home keeps no worker ${name}`;
      const { container } = planOf(
        worker,
        { id: worker.settings.image, labels: {} },
        { home, engine, info, env, user, mayEnter: mayEnter(thisHost()) },
      );
      return {
        user: container.user,
        mounts: container.mounts.map((mount) => ({ ...mount, at: undefined })),
        mountsOnly: true,
        hardened: true,
        network: container.network === "none" ? "none" : undefined,
      };
    } catch (error) {
      return `what is kept of the worker cannot be read: ${messageOf(error)}`;
    }
  }
}
