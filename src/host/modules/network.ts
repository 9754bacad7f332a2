import type { Home } from "../../agents/home/home.ts";
import type { Observation } from "../../engine/observation.ts";
import { labels } from "../../engine/spec.ts";
import { NovaError } from "../../model/errors.ts";

/** Makes the modules' shared network when it is not there; true when it was made. */
export async function ensureNetwork(observation: Observation, name: string, home: Home): Promise<boolean> {
  if (await observation.findNetwork(name)) return false;
  try {
    await observation.createNetwork(name, { [labels.home]: home.label, [labels.kind]: "module" });
    return true;
  } catch (error) {
    // Another home's modules may have made it just now.
    if (error instanceof NovaError && error.code === "ENGINE_REFUSED" && (await observation.findNetwork(name))) return false;
    throw error;
  }
}
