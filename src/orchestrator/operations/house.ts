import type { APIAnswer } from "../../model/api/calls.ts";
import { workerStates } from "../../model/entry.ts";
import { NovaError } from "../../model/errors.ts";
import { workersOf } from "./workers.ts";
import type { Carried, World } from "./world.ts";

type HouseCall =
  | "modules.list"
  | "contract.get"
  | "contract.check"
  | "audit.list"
  | "house.status"
  | "access.me"
  | "tokens.list"
  | "tokens.add"
  | "tokens.remove";

export function houseCalls(world: World): Carried<HouseCall> {
  const { store, tokens } = world;
  return {
    "modules.list": async () => ({ modules: await store.modules() }),
    "contract.get": async () => ({ check: await store.lastCheck() }),
    "contract.check": async (_, { about }) => {
      if (!world.checks)
        throw new NovaError("NOT_SUPPORTED", "no engine can be asked here what runs", {
          next: "Start `novabot up` where a container engine answers.",
        });
      const check = await world.checks.check();
      about({ facts: { outcome: check.outcome, broken: check.broken, unknown: check.unknown } });
      await store.putCheck(check);
      return { check };
    },
    "audit.list": async (query) => await store.audit(query),
    "house.status": async () => await houseStatus(world),
    "access.me": async (_, { caller }) => ({ name: caller.name, role: caller.role }),
    "tokens.list": async () => ({
      tokens: (await tokens.list()).map(({ name, role, createdAtMs }) => ({ name, role, createdAtMs })),
    }),
    "tokens.add": async ({ name, role }, { about }) => {
      about({ subject: name, facts: { role } });
      return { name, role, token: await tokens.add(name, role) };
    },
    "tokens.remove": async ({ name }, { about }) => {
      about({ subject: name });
      await tokens.remove(name);
      return { removed: true };
    },
  };
}

async function houseStatus(world: World): Promise<APIAnswer<"house.status">> {
  const { store } = world;
  const { storeTrouble, ...house } = world.house();
  const [workers, processes, groups, size] = await Promise.all([
    workersOf(world),
    store.processes({}),
    store.groups(),
    store.size(),
  ]);
  const counted = workerStates.map((state) => [state, workers.filter((worker) => worker.state === state).length] as const);
  // What was known last of a worker's processes says of one that is gone nothing, and of one that is not linked not that they run.
  const stateOf = new Map(workers.map(({ worker, state }) => [worker, state]));
  const there = processes.filter(({ worker }) => stateOf.get(worker) !== "gone");
  const running = there.filter(({ worker, status }) => status.state === "running" && stateOf.get(worker) === "linked").length;
  const crashed = there.filter(({ status }) => status.state === "crashed").length;
  return {
    ...house,
    position: store.position,
    workers: Object.fromEntries(counted) as APIAnswer<"house.status">["workers"],
    processes: { running, crashed, other: there.length - running - crashed },
    groups: groups.length,
    store: { ...size, trouble: storeTrouble },
  };
}
