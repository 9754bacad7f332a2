import { createHash } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { lstat } from "node:fs/promises";
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
  const envFile = envDirectory === undefined ? undefined : textOf(join(envDirectory, "env"));
  if (envDirectory !== undefined && envFile !== renderEnvFile(plan.variables)) return undefined;
  // What the group asked for may lie on a file system that does not answer; the home is as near as this program itself.
  const places = await Promise.all(
    plan.mounts.map(async ({ kind, source }) =>
      kind === "extra" ? await lstat(source, big).then(placeOf, () => undefined) : placeAt(source),
    ),
  );
  if (places.includes(undefined)) return undefined;
  const { name: _, labels: all, ...rest } = spec;
  const { [labels.run]: __, ...same } = all;
  const facts = [rest, same, image.id, plan.group.jid, plan.agent, plan.user, plan.gateway, envFile, places];
  return createHash("sha256").update(JSON.stringify(facts)).digest("base64url");
}

const big = { bigint: true } as const;

/** Which file or directory stands at the path, links not followed. */
function placeAt(path: string): string | undefined {
  try {
    return placeOf(lstatSync(path, big));
  } catch {
    return undefined;
  }
}

function placeOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
