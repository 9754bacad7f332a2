import type { Engine } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import type { Door, Doors } from "../gateway/door.ts";
import type { Home } from "../home/home.ts";
import { prepareHome } from "../home/prepare.ts";
import { containerName, containerSpec, writableSources, type ContainerIdentity, type Ready } from "../run/container.ts";
import { startContainer, type LiveContainer } from "../run/live-container.ts";
import { fingerprint } from "./fingerprint.ts";

/** A container that runs and waits for its input, with what was made for it. */
export interface MadeContainer extends LiveContainer {
  /** What its label `novabot.run` says. */
  readonly slot: string;
  readonly ready: Ready;
  /** It serves many runs. */
  readonly kept: boolean;
  /** What it was made of; undefined when that changed while it was made, or for a container of one run. */
  readonly fingerprint: string | undefined;
  readonly door: Door | null;
  /** Directories of the host, beside those of the home, that it may write. */
  readonly writable: readonly string[];
  readonly madeAtMs: number;
}

export interface Making {
  readonly home: Home;
  readonly engine: Engine;
  readonly doors: Doors | null;
  readonly identity: ContainerIdentity;
  readonly kept: boolean;
  /** It may wait before it is used, so it must be known what it was made of. */
  readonly lasting: boolean;
}

/**
 * Prepares the home and makes a container with a door of its own. When that fails nothing is left of it, unless it failed with
 * `ENGINE_LOST`: then nobody knows, and `removeWhenBack` with the identity's id is for that.
 */
export async function makeContainer(ready: Ready, making: Making): Promise<MadeContainer> {
  const { home, engine, doors, identity, kept, lasting } = making;
  const { plan } = ready;
  const container = containerName(plan.group.folder, identity);
  const [door] = await allOrDoor(
    plan.gateway && doors ? doors.open({ folder: plan.group.folder, container }) : Promise.resolve(null),
    prepareHome(home, plan),
  );
  try {
    const before = lasting ? await fingerprint(ready, home, kept) : undefined;
    const live = await startContainer(engine, containerSpec(ready, home, identity, { kept, door }));
    // What was mounted is what stood there before and after.
    const isSame = before !== undefined && before === (await fingerprint(ready, home, kept));
    return {
      ...live,
      slot: identity.id,
      ready,
      kept,
      fingerprint: isSame ? before : undefined,
      door,
      writable: writableSources(plan),
      madeAtMs: identity.madeAtMs,
    };
  } catch (thrown) {
    await door?.close();
    throw thrown;
  }
}

/** Removes a container that is not wanted any more, with its door. Rejects with `ENGINE_LOST` when the engine is away. */
export async function removeMade(engine: Engine, made: MadeContainer): Promise<void> {
  try {
    await engine.remove(made.id);
    await made.exit.catch((thrown: unknown) => {
      if (thrown instanceof NovaError && thrown.code === "ENGINE_LOST") throw thrown;
    });
  } finally {
    made.streams.close();
    await made.door?.close();
  }
}

/** Both, or neither: a door that was opened is closed again when the other fails. */
async function allOrDoor(opening: Promise<Door | null>, preparing: Promise<void>): Promise<[Door | null]> {
  const [door, prepared] = await Promise.allSettled([opening, preparing]);
  if (door.status === "fulfilled" && prepared.status === "fulfilled") return [door.value];
  if (door.status === "fulfilled") await door.value?.close();
  throw prepared.status === "rejected" ? prepared.reason : (door as PromiseRejectedResult).reason;
}
