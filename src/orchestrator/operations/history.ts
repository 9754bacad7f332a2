import type { Which } from "../../model/api/calls.ts";
import type { Page } from "../../model/kept.ts";
import { findHistory } from "./instances.ts";
import type { Carried, World } from "./world.ts";

interface Several {
  readonly workers: readonly [string];
  readonly containers?: readonly [string];
  readonly instances: readonly [string];
}

export function historyCalls(
  world: World,
): Carried<"errors.list" | "errors.get" | "errors.occurrences" | "logs.list" | "logs.get" | "entries.list"> {
  const { store } = world;
  return {
    "errors.list": async (query) => ({ errors: await store.errors(query) }),
    "errors.get": async ({ instanceId, worker, container, ...query }) => {
      const those = await instanceFilter(world, { instanceId, ...given({ worker, container }) });
      return { errors: await store.errors({ ...query, ...those }) };
    },
    "errors.occurrences": async ({ instanceId, worker, container, fingerprint, ...page }) => {
      const place = await findHistory(world, { instanceId, ...given({ worker, container }) });
      return await store.occurrences({ ...place, instance: instanceId, fingerprint }, page);
    },
    "logs.list": async (query) => await store.logs(query),
    "logs.get": async ({ instanceId, worker, container, ...query }) => {
      const those = await instanceFilter(world, { instanceId, ...given({ worker, container }) });
      return await store.logs({ ...query, ...those });
    },
    "entries.list": async ({ after, before, limit, ...filter }) => {
      const { items, first, last, more } = await store.entries(filter, { ...given({ after, before }), limit });
      return { items, first, last, more } satisfies Page<unknown>;
    },
  };
}

/** The filter that one instance's history is. Rejects with INSTANCE_NOT_FOUND or AMBIGUOUS. */
export async function instanceFilter(world: Pick<World, "store" | "links">, which: Which): Promise<Several> {
  const { worker, container } = await findHistory(world, which);
  return { workers: [worker], instances: [which.instanceId], ...(container === undefined ? {} : { containers: [container] }) };
}

type Given<Fields> = { -readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Without the fields that were left out. */
function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>;
}
