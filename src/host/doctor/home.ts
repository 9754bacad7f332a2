import { access, constants, realpath, stat, statfs } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Engine, EngineInfo } from "../../engine/engine.ts";
import { readGroups } from "../../agents/groups/registry.ts";
import { defaultEnvNames, readEnvFile } from "../../agents/home/env-file.ts";
import { openHome, type Home } from "../../agents/home/home.ts";
import { allowlistPath, readAllowlist } from "../../agents/mounts/allowlist.ts";
import { planGroup } from "../../agents/run/plan.ts";
import { NovaError, hasCode } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { formatSize } from "../../model/size.ts";
import type { Environment } from "../state.ts";
import { thisHost } from "../this-host.ts";
import { failure, type Check } from "./check.ts";
import { checkEgressList, keysInside, whyMute } from "./network.ts";
import { checkWorkers } from "./workers.ts";

const leastFreeBytes = 2 ** 30;

/** The home, its registry, env file and permissions, the allowlist, every group's plan, and the workers. */
export async function checkHome(
  path: string,
  env: Environment,
  on: { readonly engine: Engine; readonly info: EngineInfo } | undefined,
): Promise<Check[]> {
  const checks: Check[] = [];
  let home: Home;
  try {
    home = await openHome(path, { create: false });
  } catch (thrown) {
    // One that is not there yet is what a new user has; any other trouble keeps runs from working.
    const isMissing = thrown instanceof NovaError && hasCode(thrown.cause, "ENOENT");
    return [
      isMissing ? { ...failure("home", thrown), status: "warn" } : failure("home", thrown),
      await checkAllowlist(env),
      await checkEgressList(env),
    ];
  }
  checks.push(await checkDirectory(home), await checkEnvFile(home));
  let groups: Group[] = [];
  try {
    groups = await readGroups(home);
    checks.push({ name: "registry", status: "ok", detail: groups.length ? `${groups.length} group(s)` : "no groups yet" });
  } catch (thrown) {
    checks.push(failure("registry", thrown));
  }
  checks.push(await checkAllowlist(env), await checkEgressList(env));
  if (!on) return checks;
  for (const group of groups) checks.push(await checkGroupPlan(home, group, env, on));
  checks.push(...(await checkWorkers(home, on.engine)));
  return checks;
}

async function checkDirectory(home: Home): Promise<Check> {
  const name = "home";
  try {
    const { uid, mode } = await stat(home.root);
    const { bavail, bsize } = await statfs(home.root);
    const detail = `${home.root}, owner ${uid}, mode ${(mode & 0o777).toString(8)}, ${formatSize(bavail * bsize)} free`;
    const me = process.getuid?.() ?? uid;
    if (uid !== me && me !== 0)
      return { name, status: "fail", detail, next: `Run NovaBot as user ${uid}, or give the home to user ${me}.` };
    await access(home.root, constants.W_OK);
    if (mode & 0o022)
      return { name, status: "warn", detail: `${detail}: others may write in it`, next: `chmod go-w ${home.root}` };
    if (bavail * bsize < leastFreeBytes)
      return { name, status: "warn", detail: `${detail}: little room`, next: "Make room on that disk." };
    return { name, status: "ok", detail };
  } catch (thrown) {
    return failure(name, thrown);
  }
}

async function checkEnvFile(home: Home): Promise<Check> {
  const name = "env file";
  try {
    const found = await readEnvFile(home, defaultEnvNames);
    if (!found.size) {
      const next = `Put one of ${defaultEnvNames.join(", ")} into ${home.envFile}; agents other than Claude Code need none.`;
      return { name, status: "warn", detail: "holds no key for Claude Code", next };
    }
    const { mode } = await stat(home.envFile);
    const detail = `${home.envFile} holds ${[...found.keys()].join(", ")}, mode ${(mode & 0o777).toString(8)}`;
    return mode & 0o077
      ? { name, status: "warn", detail: `${detail}: others may read it`, next: `chmod 600 ${home.envFile}` }
      : { name, status: "ok", detail };
  } catch (thrown) {
    return failure(name, thrown);
  }
}

async function checkAllowlist(env: Environment): Promise<Check> {
  const name = "allowlist";
  const path = allowlistPath(env);
  try {
    const allowlist = await readAllowlist(path);
    if (!allowlist) return { name, status: "ok", detail: `${path} is not there: no extra mounts are allowed` };
    const userHome = env["HOME"] || homedir();
    const missing: string[] = [];
    for (const { path: root } of allowlist.allowedRoots) {
      const expanded = root === "~" ? userHome : root.startsWith("~/") ? join(userHome, root.slice(2)) : root;
      if (!isAbsolute(expanded) || !(await realpath(expanded).catch(() => undefined))) missing.push(root);
    }
    const detail = `${path}, ${allowlist.allowedRoots.length} root(s)`;
    if (missing.length)
      return {
        name,
        status: "warn",
        detail: `${detail}; not there: ${missing.join(", ")}`,
        next: "Make those directories, or mend the file.",
      };
    if ((await stat(path)).mode & 0o022)
      return { name, status: "warn", detail: `${detail}: others may write it`, next: `chmod go-w ${path}` };
    return { name, status: "ok", detail };
  } catch (thrown) {
    return failure(name, thrown);
  }
}

async function checkGroupPlan(
  home: Home,
  group: Group,
  env: Environment,
  on: { readonly engine: Engine; readonly info: EngineInfo },
): Promise<Check> {
  const name = `group ${group.folder}`;
  try {
    const host = thisHost();
    const plan = await planGroup(group, { home, env, host, engine: on.engine, info: on.info });
    const folder = await stat(join(home.groups, group.folder)).catch(() => undefined);
    if (folder && host.uid !== 0 && folder.uid !== host.uid && !plan.user.shifted) {
      return {
        name,
        status: "fail",
        detail: `its folder belongs to user ${folder.uid}, so its agent cannot write it`,
        next: `sudo chown ${host.uid}:${host.gid} ${join(home.groups, group.folder)}`,
      };
    }
    const detail = `${plan.mounts.length} mounts, runs as ${plan.user.uid}:${plan.user.gid}, network ${plan.network}`;
    const found = keysInside(plan) ?? whyMute(plan);
    return found
      ? { name, status: "warn", detail: `${detail}; ${found.detail}`, next: found.next }
      : { name, status: "ok", detail };
  } catch (thrown) {
    return failure(name, thrown);
  }
}
