import { readGroups } from "../agents/groups/registry.ts";
import type { Home } from "../agents/home/home.ts";
import { planRun, type RunPlan } from "../agents/run/plan.ts";
import type { Group } from "../model/group.ts";
import { findEngine } from "./engines/find.ts";
import type { Environment } from "./state.ts";

/** The plan of a group's next run on the engine that would take it, without making anything. */
export async function planFor(
  home: Home,
  group: Group,
  env: Environment,
): Promise<{ plan: RunPlan; engine: string; imageID: string | null }> {
  const engine = await findEngine(env);
  const info = await engine.probe();
  const plan = await planRun(group, {
    home,
    groups: await readGroups(home),
    capabilities: engine.capabilities,
    engine: info,
    env,
    host: { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, platform: process.platform },
  });
  const image = await engine.findImage(plan.image);
  return { plan, engine: `${info.product} ${info.version} at ${info.endpoint}`, imageID: image?.id ?? null };
}
