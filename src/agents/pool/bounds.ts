import { NovaError, quote } from "../../model/errors.ts";
import { parseSize } from "../../model/size.ts";
import { maxContainers } from "../run/request.ts";
import type { Bounds } from "./room.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const defaultMaxWarm = 3;

/** `NOVABOT_MAX_CONTAINERS`, `NOVABOT_MAX_WARM` and `NOVABOT_WARM_MEMORY`; the last is half of the engine's memory when left out. */
export function poolBounds(env: Environment, engineMemoryBytes: number): Bounds {
  return {
    containers: maxContainers(env),
    warm: maxWarm(env),
    memoryBytes: warmMemory(env) ?? Math.floor(engineMemoryBytes / 2),
  };
}

/** `NOVABOT_MAX_WARM`, or 3; 0 switches warm containers off. */
export function maxWarm(env: Environment): number {
  const text = env["NOVABOT_MAX_WARM"];
  if (text === undefined || text === "") return defaultMaxWarm;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 1000) return value;
  throw new NovaError("USAGE", `NOVABOT_MAX_WARM is ${quote(text)}.`, {
    place: "NOVABOT_MAX_WARM",
    next: "Set it to a whole number from 0 to 1000.",
  });
}

function warmMemory(env: Environment): number | undefined {
  const text = env["NOVABOT_WARM_MEMORY"];
  if (text === undefined || text === "") return undefined;
  try {
    return parseSize(text, "NOVABOT_WARM_MEMORY");
  } catch (thrown) {
    throw new NovaError("USAGE", `NOVABOT_WARM_MEMORY is ${quote(text)}.`, {
      place: "NOVABOT_WARM_MEMORY",
      next: 'Write bytes or a number with a unit, for example "512m" or "2g".',
      cause: thrown,
    });
  }
}
