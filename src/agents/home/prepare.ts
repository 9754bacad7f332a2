import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NovaError, quote } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { GLOBAL_FOLDER } from "../../model/names.ts";
import { frameDirectory, type FramePlace } from "../mounts/project.ts";
import type { AgentUser } from "./agent-user.ts";
import { renderEnvFile } from "./env-file.ts";
import { HeldDirectory } from "./held-directory.ts";
import type { Home } from "./home.ts";

const ipcDirectories = ["messages", "tasks", "input"] as const;

/** The part of a run's plan that says what must be there. */
export interface Preparation {
  readonly group: Group;
  readonly user: AgentUser;
  readonly variables: ReadonlyMap<string, string>;
  readonly folders: readonly string[];
  readonly frame: readonly FramePlace[];
}

/**
 * Makes what the group's container will mount, gives the group's own directories to its agent, and writes the env file.
 * Every step is made from an open directory without following links; nothing below the directories named here is touched.
 */
export async function prepareHome(home: Home, { group, user, variables, folders, frame }: Preparation): Promise<void> {
  const root = await HeldDirectory.open(home.root);
  try {
    await root.create(".env", "", 0o600);
    for (const name of ["store", "secrets"]) await (await root.ensureDirectory(name, 0o700)).close();
    await make(root, "groups", async (groups) => {
      await make(groups, GLOBAL_FOLDER, async (global) => await giveToAgent(global, user));
      for (const folder of folders) await make(groups, folder, async (directory) => await prepareFolder(directory, user));
    });
    await make(root, "data", async (data) => {
      await make(data, "sessions", async (sessions) => {
        await make(sessions, group.folder, async (session) => {
          await claimSessions(session, group);
          await make(session, ".claude", async (claude) => await giveToAgent(claude, user));
        });
      });
      await make(data, "ipc", async (ipc) => await make(ipc, group.folder, async (slots) => await prepareSlots(slots, user)));
      await make(data, "env", async (env) => {
        await make(env, group.folder, async (directory) => {
          // They hold keys, and would be in the group's sight.
          await directory.removeTemporary();
          const owner = user.isGiven ? user : null;
          await directory.replace("env", renderEnvFile(variables), user.shifted ? 0o444 : 0o400, { owner });
        });
      });
      await (await data.ensureDirectory("host", 0o700)).close();
    });
  } finally {
    await root.close();
  }
  if (frame.length) await prepareFrame(home, frame);
}

const chatFile = "chat";

/** The file beside a group's conversations that says whose they are; no container sees it. */
async function claimSessions(session: HeldDirectory, group: Group): Promise<void> {
  const found = (await session.read(chatFile, 1024))?.trim();
  if (found === group.jid) return;
  if (found === undefined && (await session.create(chatFile, `${group.jid}\n`, 0o600))) return;
  const owner = found ?? (await session.read(chatFile, 1024))?.trim();
  if (owner === group.jid) return;
  // Empty: its writer was killed between making and filling it.
  if (!owner) return await session.replace(chatFile, `${group.jid}\n`, 0o600);
  throw new NovaError(
    "FOLDER_TAKEN",
    `The folder ${quote(group.folder)} holds the conversations of the chat ${quote(owner)}, not of ${quote(group.jid)}.`,
    {
      place: join(session.path, chatFile),
      next: `Choose another folder, or move ${session.path} away. To hand the conversations over, write the new chat id into that file.`,
    },
  );
}

/** Rejects with `FOLDER_TAKEN` when the group's folder holds the conversations of another chat. Makes nothing. */
export async function checkSessions(home: Home, group: Group): Promise<void> {
  const session = await HeldDirectory.find(home.root, "data", "sessions", group.folder);
  if (!session) return;
  try {
    if ((await session.lstat(chatFile)) !== undefined) await claimSessions(session, group);
  } finally {
    await session.close();
  }
}

async function prepareFolder(folder: HeldDirectory, user: AgentUser): Promise<void> {
  await giveToAgent(folder, user);
  // Of the host's making, but in the agent's folder: while no container runs, nothing holds it in place.
  await (await folder.reclaimDirectory("logs")).close();
}

/** Makes the directories in a group's `data/ipc/<folder>`, takes away what an agent put in their place, and gives them to the agent. */
export async function prepareSlots(slots: HeldDirectory, user: AgentUser): Promise<void> {
  await giveToAgent(slots, user);
  for (const name of ipcDirectories) {
    const directory = await slots.reclaimDirectory(name);
    try {
      await giveToAgent(directory, user);
    } finally {
      await directory.close();
    }
  }
}

/** Makes main's frame anew. It lies where no container can write, so paths are as good as descriptors here. */
async function prepareFrame(home: Home, frame: readonly FramePlace[]): Promise<void> {
  const directory = frameDirectory(home);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  for (const { path, isDirectory } of frame) {
    if (isDirectory) await mkdir(join(directory, path));
    else await writeFile(join(directory, path), "");
    await chmod(join(directory, path), isDirectory ? 0o755 : 0o644);
  }
  await chmod(directory, 0o755);
}

async function giveToAgent(directory: HeldDirectory, user: AgentUser): Promise<void> {
  if (user.shifted) await directory.setMode(0o777);
  else await directory.giveTo(user);
}

async function make(
  parent: HeldDirectory,
  name: string,
  use: (directory: HeldDirectory) => Promise<void>,
  mode = 0o755,
): Promise<void> {
  const directory = await parent.ensureDirectory(name, mode);
  try {
    await use(directory);
  } finally {
    await directory.close();
  }
}
