import type { InstanceSpec } from "../../model/instance.ts";
import { messageOf, quote } from "../../model/errors.ts";
import { containerEnvironment } from "./environment.ts";
import { Grace } from "./grace.ts";
import type { Predecessor } from "./instance.ts";
import { InstanceSet } from "./instance-set.ts";
import type { Instances, OnStatus } from "./instances.ts";
import { Keeper } from "./keeper.ts";
import { endLeftovers, leftInstances } from "./leftovers.ts";
import type { OpenOutput } from "./output.ts";
import type { ProcessID } from "./processes.ts";
import { kernelBoot, readWanted } from "./wanted-file.ts";

/** What is left of an instance that nobody knows any more gets so long. */
const STRANGER_GRACE_MS = 10_000;
/** Of so many earlier boots that never came to their end, leftovers are looked for. */
const BOOTS = 16;

export interface InstancesOptions {
  /** The data directory; made if it is missing. */
  readonly directory: string;
  readonly bootID: string;
  /** The environment that the supervisor was started with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly openOutput: OpenOutput;
  readonly onStatus: OnStatus;
  readonly onRemoved: (id: string) => void;
  /** A sentence for the supervisor's own log. */
  readonly tell: (message: string) => void;
  /** Instances that are not started although they ran before: somebody starts them in another form. */
  readonly leave?: readonly string[];
  /** How many there can be, those that ended included; 1000 by default. */
  readonly limit?: number;
  /** From 0 up to 1, for the jitter of restarts. */
  readonly random?: () => number;
}

/** The instances of this container. What ran before the boot is started again, once nothing of an earlier supervisor's time runs any more. */
export async function openInstances(options: InstancesOptions): Promise<Instances> {
  const {
    directory,
    bootID,
    env,
    openOutput,
    onStatus,
    onRemoved,
    tell,
    leave = [],
    limit = 1000,
    random = Math.random,
  } = options;
  const kernel = await kernelBoot();
  const before = await readWanted(directory, tell);
  const earlier = before.boots.filter((boot) => boot !== bootID).slice(-BOOTS);
  let boots = [...earlier, bootID];

  const keeper = new Keeper(directory, () => ({ boots, kernel, instances: set.wanted() }), tell);
  const set = new InstanceSet(
    { bootID, env: containerEnvironment(env), openOutput, tell, random },
    {
      onStatus,
      onRemoved,
      tell,
      keep: () => keeper.keep(),
      keepSoon: () => keeper.keepSoon(),
      closed: () => keeper.close(),
    },
    limit,
  );

  const earlierBoots = new Set(earlier);
  const endings: Promise<void>[] = [];
  const endPredecessor = (id: string, leader: ProcessID | null, graceMs: number): Predecessor => {
    const grace = new Grace(graceMs);
    const isGone = endLeftovers(id, earlierBoots, leader, grace, tell).then(
      (count) => {
        if (count > 0) tell(`Ended ${count} processes that an earlier supervisor had left of ${quote(id)}.`);
      },
      (thrown: unknown) => tell(`What an earlier supervisor left of ${quote(id)} could not be ended: ${messageOf(thrown)}.`),
    );
    endings.push(isGone);
    return { leader, grace, isGone };
  };
  const known = before.instances.map(
    ({ spec, shallRun, process }): { spec: InstanceSpec; shallRun: boolean; predecessor: Predecessor } => ({
      spec,
      shallRun: shallRun && !leave.includes(spec.id),
      predecessor: endPredecessor(spec.id, before.kernel === kernel ? process : null, spec.stopGraceMs),
    }),
  );
  const ids = new Set(known.map(({ spec }) => spec.id));
  // A supervisor that was killed right after a start had no time to write of it.
  const strangers = new Map<string, Predecessor>();
  for (const id of leftInstances(earlierBoots)) {
    if (!ids.has(id)) strangers.set(id, endPredecessor(id, null, STRANGER_GRACE_MS));
  }

  set.take(known, strangers);
  // Before a first process can carry this boot's marker, a later supervisor has to know of this boot.
  await keeper.keep();
  set.resume();
  void Promise.all(endings).then(() => {
    boots = [bootID];
    keeper.keepSoon();
  });
  return set;
}
