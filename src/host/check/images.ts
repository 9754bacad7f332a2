import type { Engine } from "../../engine/engine.ts";
import type { ImageDescription } from "../../engine/observation.ts";
import type { Environment } from "../state.ts";

/** Asks for an image by its reference; undefined when nobody knows it. Never rejects. */
export type AskForImage = (reference: string) => Promise<ImageDescription | undefined>;

/**
 * Asks the engine that answers. An engine is looked for when the first image is asked for, and never needed: without one, or when it does not
 * know the image, the answer is undefined. Nothing is pulled.
 */
export function imagesOfEngine(env: Environment, find: (env: Environment) => Promise<Engine> = findLater): AskForImage {
  let engine: Promise<Engine | undefined> | undefined;
  return async (reference) => {
    engine ??= find(env).catch(() => undefined);
    try {
      return await (await engine)?.observation?.describeImage(reference);
    } catch {
      // An engine that went away, or cannot read the name, knows nothing of the image.
      return undefined;
    }
  };
}

/** The engines' code is loaded for an image alone: most checks of files ask for none. */
async function findLater(env: Environment): Promise<Engine> {
  const { findEngine } = await import("../engines/find.ts");
  return await findEngine(env);
}
