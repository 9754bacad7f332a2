import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { parseDotenv } from "../../../contract/compose/dotenv.ts";
import { known, unknown, type Known } from "../../../contract/live/kernel-facts.ts";
import type { EnvFileFacts, EnvFileState } from "../../../contract/live/subject.ts";
import type { Place } from "../../../contract/source/place.ts";
import type { ContainerDescription } from "../../../engine/observation.ts";
import type { Environment } from "../../state.ts";
import { hasCode, messageOf, reasonOf } from "../../../model/errors.ts";

const LIMIT_BYTES = 1_048_576;

/** An env file, and how its values stand to the container's. `overridden` are names that the Compose file itself sets. Values stay in here. */
export async function readEnvFile(
  path: string,
  at: Place | undefined,
  container: ContainerDescription,
  overridden: ReadonlySet<string>,
  env: Environment,
): Promise<{ readonly facts: EnvFileFacts; readonly names: readonly string[] }> {
  const result = (
    found: EnvFileFacts["found"],
    names: readonly string[] = [],
  ): { facts: EnvFileFacts; names: readonly string[] } => ({
    facts: { path, at, found },
    names,
  });
  try {
    const stat = await lstat(path);
    if (!stat.isFile()) {
      const kind = stat.isSymbolicLink() ? "link" : "other";
      return result(known({ ...ownership(stat), kind, differing: [], missing: [], names: 0 }));
    }
    const text = await readText(path);
    const compared = text.known ? compare(text.value, container, overridden, env) : text;
    if (!compared.known) return result(compared);
    const { names, missing, differing } = compared.value;
    return result(known({ ...ownership(stat), kind: "file", missing, differing, names: names.length }), names);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return result(null);
    return result(unknown(`${path} cannot be looked at: ${reasonOf(error)}`));
  }
}

function ownership(stat: Awaited<ReturnType<typeof lstat>>): Pick<EnvFileState, "mode" | "uid" | "gid" | "changedAtMs"> {
  return { mode: Number(stat.mode), uid: Number(stat.uid), gid: Number(stat.gid), changedAtMs: Number(stat.mtimeMs) };
}

async function readText(path: string): Promise<Known<string>> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    if (size > LIMIT_BYTES) return unknown(`${path} is larger than ${LIMIT_BYTES} bytes`);
    return known(await file.readFile("utf8"));
  } finally {
    await file.close();
  }
}

interface Compared {
  readonly missing: readonly string[];
  readonly differing: readonly string[];
  readonly names: readonly string[];
}

/**
 * Every Compose reads these files in a way of its own, and nobody wrote down which one made the container: a value that any of them
 * makes of the line is the file's.
 */
function compare(
  text: string,
  container: ContainerDescription,
  overridden: ReadonlySet<string>,
  env: Environment,
): Known<Compared> {
  const has = new Map(container.env.map((one) => [one.slice(0, Math.max(0, one.indexOf("="))), one.slice(one.indexOf("=") + 1)]));
  const plain = readPlain(text);
  let read: ReadonlyMap<string, string>;
  try {
    read = parseDotenv(text, (name) => env[name]);
  } catch (error) {
    if (plain.size === 0) return unknown(`the env file cannot be read: ${messageOf(error)}`);
    read = new Map();
  }
  const names = [...new Set([...read.keys(), ...plain.keys()])].filter((name) => !overridden.has(name));
  const missing = names.filter((name) => !has.has(name));
  const differing = names.filter((name) => {
    const value = has.get(name);
    if (value === undefined) return false;
    const raw = plain.get(name);
    const forms = [read.get(name), raw, raw?.trim(), raw === undefined ? undefined : unquoted(raw.trim())];
    return !forms.includes(value);
  });
  return known({ missing, differing, names });
}

/** Everything after the first `=`, as `docker run --env-file` and podman-compose take it. */
function readPlain(text: string): Map<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)=(.*?)\r?$/.exec(line);
      return match?.[1] === undefined ? [] : [[match[1], match[2] ?? ""] as const];
    }),
  );
}

function unquoted(value: string): string {
  const match = /^(["'])(.*)\1$/.exec(value);
  return match?.[2] ?? value;
}
