import type { Group } from "../../model/group.ts";
import { GLOBAL_FOLDER } from "../../model/names.ts";
import type { AgentUser } from "./agent-user.ts";
import { renderEnvFile } from "./env-file.ts";
import { HeldDirectory } from "./held-directory.ts";
import type { Home } from "./home.ts";

const ipcDirectories = ["messages", "tasks", "input"] as const;

/**
 * Makes what the group's container will mount, gives the group's own directories to its agent, and writes the env file.
 * Every step is made from an open directory without following links; nothing below the directories named here is touched.
 */
export async function prepareHome(
  home: Home,
  group: Group,
  user: AgentUser,
  variables: ReadonlyMap<string, string>,
): Promise<void> {
  await within(home.root, [], async (root) => {
    await root.create(".env", "", 0o600);
    // Main may modify the home. With shifted ids that would open it to everybody, as no closed parent is NovaBot's.
    if (group.isMain && !user.shifted) await root.giveTo(user, 0o700);
    for (const name of ["store", "secrets"]) await (await root.ensureDirectory(name, 0o700)).close();
    await make(root, "groups", async (groups) => {
      await make(groups, GLOBAL_FOLDER, async (global) => await giveToAgent(global, user));
      await make(groups, group.folder, async (folder) => {
        await giveToAgent(folder, user);
        // Of the host's making, but in the agent's folder: while no container runs, nothing holds it in place.
        await (await folder.reclaimDirectory("logs")).close();
      });
    });
    await make(root, "data", async (data) => {
      await make(data, "sessions", async (sessions) => {
        await make(sessions, group.folder, async (session) => {
          await make(session, ".claude", async (claude) => await giveToAgent(claude, user));
        });
      });
      await make(data, "ipc", async (ipc) => await make(ipc, group.folder, async (slots) => await prepareSlots(slots, user)));
      await make(data, "env", async (env) => {
        await make(env, group.folder, async (directory) => {
          const owner = user.shifted || process.getuid?.() !== 0 ? null : user;
          await directory.replace("env", renderEnvFile(variables), user.shifted ? 0o444 : 0o400, { owner });
        });
      });
      await make(data, "host", async (host) => await prepareMasks(host), 0o700);
    });
  });
}

/** Makes every registered group's folder, so that main's container can mount each in its place. */
export async function prepareFolders(home: Home, folders: readonly string[], user: AgentUser): Promise<void> {
  await within(home.root, ["groups"], async (groups) => {
    for (const folder of folders) {
      await make(groups, folder, async (directory) => {
        await giveToAgent(directory, user);
        await (await directory.reclaimDirectory("logs")).close();
      });
    }
  });
}

async function prepareSlots(slots: HeldDirectory, user: AgentUser): Promise<void> {
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

async function prepareMasks(host: HeldDirectory): Promise<void> {
  await make(host, "empty", async (empty) => {
    await make(empty, "directory", async () => undefined, 0o555);
    await empty.create("file", "", 0o444);
  });
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

async function within(root: string, names: readonly string[], use: (directory: HeldDirectory) => Promise<void>): Promise<void> {
  const directory = await HeldDirectory.find(root, ...names);
  if (!directory) return;
  try {
    await use(directory);
  } finally {
    await directory.close();
  }
}
