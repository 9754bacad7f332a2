import { constants } from "node:fs";
import { chmod, mkdir, open, readdir, rm, rmdir, type FileHandle } from "node:fs/promises";
import type { Server } from "node:net";
import { join } from "node:path";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import { GATEWAY_SOCKET } from "../../model/workspace.ts";
import type { Home } from "../home/home.ts";
import type { Presence } from "../turns/presence.ts";

export type Host = Pick<Presence, "id" | "isAlive">;

/** Below it each host has a directory, with one for each of its doors. No container sees more than its own door's. */
function gatewayDirectory(home: Home): string {
  return join(home.host, "gateway");
}

/** Removes what dead hosts left. */
export async function sweepDoors(home: Home, host: Host): Promise<void> {
  for (const name of await readdir(gatewayDirectory(home)).catch(() => [])) {
    if (!host.isAlive(name)) await rm(join(gatewayDirectory(home), name), { recursive: true, force: true });
  }
}

/** A directory with a listening socket in it, for one container. */
export interface DoorDirectory {
  readonly path: string;
  /** Takes socket and directory away. */
  remove(): Promise<void>;
}

/** Makes the directory of `container`'s door and lets `server` listen in it. */
export async function makeDoorDirectory(home: Home, host: Host, container: string, server: Server): Promise<DoorDirectory> {
  const ours = join(gatewayDirectory(home), host.id);
  const path = join(ours, container);
  let handle: FileHandle | undefined;
  let isMade = false;
  try {
    // Whoever may enter the directory may use the socket: the parents are this user's alone, the container gets in by its mount.
    await mkdir(ours, { recursive: true, mode: 0o700 });
    await mkdir(path, { mode: 0o755 });
    isMade = true;
    await chmod(path, 0o755);
    handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    // A socket's path has 107 bytes, a home may be deeper than that.
    const socket = process.platform === "linux" ? `/proc/self/fd/${handle.fd}/${GATEWAY_SOCKET}` : join(path, GATEWAY_SOCKET);
    await listen(server, socket);
    await chmod(socket, 0o666);
  } catch (thrown) {
    server.close();
    await handle?.close();
    if (isMade) await rm(path, { recursive: true, force: true });
    throw new NovaError("HOME_INVALID", `Cannot make the gateway's socket in ${quote(path, 400)}: ${messageOf(thrown)}.`, {
      place: path,
      next: "See that the disk has room and that the home lies on a file system that has sockets.",
      cause: thrown,
    });
  }
  const held = handle;
  return {
    path,
    async remove() {
      // Node removes the socket by the path it listened on, so the descriptor in that path must be ours until then.
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
      await held.close();
      await rm(path, { recursive: true, force: true });
      await rmdir(ours).catch(() => undefined);
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
