import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { labels } from "../../engine/spec.ts";
import { ENV_TARGET } from "../../model/workspace.ts";
import { renderEnvFile } from "../home/env-file.ts";
import type { Home } from "../home/home.ts";
import { containerSpec, type Ready } from "../run/container.ts";

const nobody = { id: "", host: "", madeAtMs: 0 };

/**
 * A text that is the same as long as a container made of `ready` now would be the same container: its specification without its
 * name, its image, the way out, the agent, and what stands at each mount's source. A container holds what was mounted into it,
 * so as long as it lives no other directory or file can have the number of one of those. Undefined when the home does not
 * hold what the plan needs: its env file is another one, or a mount's source is missing.
 */
export async function fingerprint(ready: Ready, home: Home, kept: boolean): Promise<string | undefined> {
  const { plan, image } = ready;
  const spec = containerSpec(ready, home, nobody, { kept, door: null });
  const envDirectory = plan.mounts.find(({ target }) => target === ENV_TARGET)?.source;
  const [envFile, ...places] = await Promise.all([
    envDirectory === undefined ? undefined : readFile(join(envDirectory, "env"), "utf8").catch(() => undefined),
    ...plan.mounts.map(async ({ source }) => await placeOf(source)),
  ]);
  if (envDirectory !== undefined && envFile !== renderEnvFile(plan.variables)) return undefined;
  if (places.includes(undefined)) return undefined;
  const { name: _, labels: all, ...rest } = spec;
  const { [labels.run]: __, ...same } = all;
  const facts = [rest, same, image.id, plan.group.jid, plan.agent, plan.user, plan.gateway, envFile, places];
  return createHash("sha256").update(JSON.stringify(facts)).digest("base64url");
}

/** Which file or directory stands at the path, links not followed. */
async function placeOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
