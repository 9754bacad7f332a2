import { NovaError } from "../../model/errors.ts";
import type { Attachment, Engine, Exit } from "../../engine/engine.ts";
import type { ContainerSpec } from "../../engine/spec.ts";

/** A container that runs, with its streams and its end. */
export interface LiveContainer {
  readonly id: string;
  readonly name: string;
  readonly streams: Attachment;
  /** Rejects with `ENGINE_LOST` when the engine goes away. */
  readonly exit: Promise<Exit>;
}

/**
 * Makes and starts a container, attached before its first byte and waited for before its end. When that fails nothing is
 * left of it, unless it failed with `ENGINE_LOST`: then nobody knows, and `removeWhenBack` is for that.
 */
export async function startContainer(engine: Engine, spec: ContainerSpec): Promise<LiveContainer> {
  const id = await engine.create(spec);
  let streams: Attachment | undefined;
  try {
    streams = await engine.attach(id);
    const exit = engine.wait(id);
    // Whoever has the container handles it; until then a rejection must not count as unhandled.
    exit.catch(() => undefined);
    await engine.start(id);
    return { id, name: spec.name, streams, exit };
  } catch (thrown) {
    streams?.close();
    // An engine that was just lost would only take as long again to be lost for this.
    const lost = thrown instanceof NovaError && thrown.code === "ENGINE_LOST";
    if (!lost) await engine.remove(id).catch(() => undefined);
    throw thrown;
  }
}
