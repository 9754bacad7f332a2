import type { Home } from "../agents/home/home.ts";
import type { ImageInfo } from "../engine/engine.ts";
import { planGroup, type RunPlan } from "../agents/run/plan.ts";
import type { Group } from "../model/group.ts";
import { findEngine } from "./engines/find.ts";
import type { Environment } from "./state.ts";
import { thisHost } from "./this-host.ts";

/** The plan of a group's next run on the engine that would take it, without making anything. */
export async function explainGroup(
  home: Home,
  group: Group,
  env: Environment,
): Promise<{ plan: RunPlan; engine: string; image: ImageInfo | null }> {
  const engine = await findEngine(env);
  const info = await engine.probe();
  const plan = await planGroup(group, { home, env, host: thisHost(), engine, info });
  const image = await engine.findImage(plan.image);
  return { plan, engine: `${info.product} ${info.version} at ${info.endpoint}`, image: image ?? null };
}
