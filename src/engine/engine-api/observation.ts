import { quote } from "../../model/errors.ts";
import type { ContainerDescription, ImageDescription, Observation } from "../observation.ts";
import type { Connection } from "./connection.ts";
import { readDescription, readImageDescription } from "./descriptions.ts";
import { containerNotFound, isGone, statusOf, wordsOf } from "./errors.ts";
import { tagImage } from "./images.ts";
import { createNetwork, findNetwork, removeNetwork } from "./networks.ts";
import { containerPath, imagePath } from "./paths.ts";

/** `processes` is each driver's own: the API's `top` runs the container's own `ps` on one of them. */
export function observation(connection: Connection, processes: (id: string) => Promise<readonly number[]>): Observation {
  return {
    describe: (id) => describe(connection, id),
    describeImage: (reference) => describeImage(connection, reference),
    tagImage: (reference, name) => tagImage(connection, reference, name),
    async processes(id) {
      try {
        return await processes(id);
      } catch (error) {
        // It has ended: both engines refuse to look into a container that does not run.
        const ended = /is not running|not running|container state improper|top can only be used on running/i;
        if (ended.test(wordsOf(error))) return [];
        throw isGone(error) ? containerNotFound(id) : error;
      }
    },
    findNetwork: (name) => findNetwork(connection, name),
    createNetwork: (name, labels) => createNetwork(connection, name, labels),
    removeNetwork: (name) => removeNetwork(connection, name),
  };
}

async function describe(connection: Connection, id: string): Promise<ContainerDescription | undefined> {
  try {
    const answer = await connection.call({ method: "GET", path: `${containerPath(id)}/json`, what: "describe the container" });
    return readDescription(answer.body);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function describeImage(connection: Connection, reference: string): Promise<ImageDescription | undefined> {
  const what = `describe the image ${quote(reference)}`;
  try {
    const path = imagePath(reference);
    const [inspected, history] = await Promise.all([
      connection.call({ method: "GET", path: `${path}/json`, what }),
      connection.call({ method: "GET", path: `${path}/history`, what }),
    ]);
    return readImageDescription(inspected.body, history.body);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    // Podman answers 500 to the question for the history of an image that is not there.
    if (statusOf(error) === 500 && /image not known|no such image/i.test(wordsOf(error))) return undefined;
    throw error;
  }
}
