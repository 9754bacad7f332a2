import { rm } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import type { AgentUser } from "../../agents/home/agent-user.ts";
import { HeldDirectory } from "../../agents/home/held-directory.ts";
import type { Home } from "../../agents/home/home.ts";
import { openHostDirectory } from "../../agents/home/host-directory.ts";
import { hasCode, messageOf, NovaError, quote } from "../../model/errors.ts";
import { instanceIDPattern } from "../../model/instance.ts";
import { type KeptWorker, keptWorkerSchema } from "../../workers/worker.ts";

const RECORD_LIMIT_BYTES = 1_048_576;

/** Where a worker's directories are on the host. Only `app` and `data` can be written by its container. */
export function workerDirectories(
  home: Home,
  name: string,
): { readonly app: string; readonly data: string; readonly key: string } {
  return {
    app: join(home.root, "workers", name),
    data: join(home.data, "workers", name),
    key: join(home.host, "workers", `${name}.key`),
  };
}

/** 256 bits, as a header takes them. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

async function inRecords<T>(home: Home, use: (directory: HeldDirectory) => Promise<T>): Promise<T> {
  const host = await openHostDirectory(home);
  try {
    const directory = await host.ensureDirectory("workers", 0o700);
    try {
      return await use(directory);
    } finally {
      await directory.close();
    }
  } finally {
    await host.close();
  }
}

/** The names of all workers that the home keeps. */
export async function workerNames(home: Home): Promise<string[]> {
  const directory = await HeldDirectory.find(home.root, "data", "host", "workers");
  if (!directory) return [];
  try {
    const names = (await directory.names()).filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -5));
    return names.filter((name) => instanceIDPattern.test(name)).toSorted();
  } finally {
    await directory.close();
  }
}

/** What is kept of a worker; undefined when there is none of that name. */
export async function readWorker(home: Home, name: string): Promise<KeptWorker | undefined> {
  const directory = await HeldDirectory.find(home.root, "data", "host", "workers");
  if (!directory) return undefined;
  const file = `${name}.json`;
  try {
    const found = await directory.read(file, RECORD_LIMIT_BYTES);
    if (found === undefined) return undefined;
    const parsed = keptWorkerSchema.safeParse(JSON.parse(found));
    // A file system that ignores case gives the other's file.
    if (parsed.success) return parsed.data.name === name ? parsed.data : undefined;
    throw new Error(parsed.error.issues[0]?.message ?? "it is not of its form");
  } catch (error) {
    if (error instanceof NovaError) throw error;
    throw new NovaError("WORKER_INVALID", `What is kept of the worker ${quote(name)} cannot be read: ${messageOf(error)}.`, {
      place: join(directory.path, file),
      next: "Mend the file, or remove it and the worker's container, and start the worker anew.",
      cause: error,
    });
  } finally {
    await directory.close();
  }
}

/** The worker of that name, or WORKER_NOT_FOUND. */
export async function findWorker(home: Home, name: string): Promise<KeptWorker> {
  const found = instanceIDPattern.test(name) ? await readWorker(home, name) : undefined;
  if (found) return found;
  const names = await workerNames(home);
  throw new NovaError("WORKER_NOT_FOUND", `There is no worker ${quote(name)}.`, {
    place: "NAME",
    next: names.length ? `The home has ${names.join(", ")}.` : "Start one: `novabot worker start NAME -- CMD…`.",
  });
}

export async function writeWorker(home: Home, worker: KeptWorker): Promise<void> {
  await inRecords(home, async (directory) => {
    await directory.replace(`${worker.name}.json`, `${JSON.stringify(worker, null, 2)}\n`, 0o600, { sync: true });
  });
}

/** What `prepareWorker` made that was not there. */
export interface MadeDirectories {
  readonly app: boolean;
  readonly data: boolean;
}

/**
 * Makes a worker's directories, gives its own two to the container's user, and puts the token where that user alone may read it. Each step is
 * from an open directory without following links: what lies in a worker's directories is the worker's doing.
 */
export async function prepareWorker(home: Home, worker: KeptWorker, user: AgentUser): Promise<MadeDirectories> {
  const give = async (parent: HeldDirectory): Promise<boolean> => {
    const wasThere = (await parent.lstat(worker.name)) !== undefined;
    const directory = await parent.ensureDirectory(worker.name);
    try {
      if (user.shifted) await directory.setMode(0o777);
      else await directory.giveTo(user);
    } finally {
      await directory.close();
    }
    return !wasThere;
  };
  const root = await HeldDirectory.open(home.root);
  try {
    const app = await within(root, "workers", give);
    const data = await within(root, "data", async (all) => await within(all, "workers", give));
    await inRecords(home, async (records) => {
      const key = await records.ensureDirectory(`${worker.name}.key`);
      try {
        await key.removeTemporary();
        const owner = user.isGiven ? user : null;
        await key.replace("token", `${worker.token}\n`, user.shifted ? 0o444 : 0o400, { owner });
      } finally {
        await key.close();
      }
    });
    return { app, data };
  } finally {
    await root.close();
  }
}

async function within<T>(parent: HeldDirectory, name: string, use: (directory: HeldDirectory) => Promise<T>): Promise<T> {
  const directory = await parent.ensureDirectory(name);
  try {
    return await use(directory);
  } finally {
    await directory.close();
  }
}

/** Forgets a worker: its record and its token. Its container is gone already. */
export async function forgetWorker(home: Home, name: string): Promise<void> {
  await inRecords(home, async (directory) => {
    await removeTree(directory, `${name}.key`);
    await directory.remove(`${name}.json`);
  });
}

/** Removes one of a worker's own directories with all that is in it. No container may be running that could write there. */
export async function removeWorkerDirectory(home: Home, name: string, which: "app" | "data"): Promise<void> {
  const parent = await HeldDirectory.find(home.root, ...(which === "app" ? ["workers"] : ["data", "workers"]));
  if (!parent) return;
  try {
    await removeTree(parent, name);
  } finally {
    await parent.close();
  }
}

/** Node's removal follows no links. */
async function removeTree(parent: HeldDirectory, name: string): Promise<void> {
  try {
    await rm(join(parent.place, name), { recursive: true, force: true });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw new NovaError("HOME_INVALID", `Cannot remove ${quote(join(parent.path, name), 400)}: ${messageOf(error)}.`, {
      place: join(parent.path, name),
      cause: error,
    });
  }
}
