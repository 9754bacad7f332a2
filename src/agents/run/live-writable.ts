import type { Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { Home } from "../home/home.ts";
import { isWithin } from "../mounts/additional.ts";
import type { RunPlan } from "./plan.ts";

/**
 * Refuses an extra mount that lies where another group's living container may write, whatever the registry says by now: its
 * agent could put a link in the place of the mount's source. Rejects with `MOUNT_REFUSED`.
 */
export async function refuseLiveWritable(engine: Engine, home: Home, plan: RunPlan): Promise<void> {
  const extra = plan.mounts.filter((mount) => mount.kind === "extra");
  if (!extra.length) return;
  for (const container of await engine.list({ [labels.home]: home.label, [labels.kind]: "agent" })) {
    const folder = container.labels[labels.group];
    if (folder === plan.group.folder) continue;
    for (const held of writableOf(container.labels[labels.writable])) {
      const inside = extra.find(({ source }) => source !== held && isWithin(source, held));
      if (!inside) continue;
      const reason = `${quote(inside.source)} lies in ${quote(held)}, which a running container of ${folder} may write`;
      throw new NovaError("MOUNT_REFUSED", `The mount is refused: ${reason}.`, {
        place: `group ${plan.group.folder}, containerConfig.additionalMounts`,
        next: "Wait until that run is over, or cancel it.",
      });
    }
  }
}

function writableOf(label: string | undefined): string[] {
  try {
    const value: unknown = JSON.parse(label ?? "[]");
    return Array.isArray(value) ? value.filter((path) => typeof path === "string") : [];
  } catch {
    return [];
  }
}
