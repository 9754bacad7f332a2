import { chmodSync, closeSync, constants, mkdirSync, openSync, rmdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { join } from "node:path";
import { NovaError, hasCode, messageOf, quote } from "../../model/errors.ts";
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

/**
 * Makes the directory of `container`'s door and lets `server` listen in it. A run waits for it, and each of these calls is shorter than
 * its way through a thread would be.
 */
export async function makeDoorDirectory(home: Home, host: Host, container: string, server: Server): Promise<DoorDirectory> {
  const ours = join(gatewayDirectory(home), host.id);
  const path = join(ours, container);
  let descriptor: number | undefined;
  let isMade = false;
  try {
    // Whoever may enter the directory may use the socket: the parents are this user's alone, the container gets in by its mount.
    mkdirSync(ours, { recursive: true, mode: 0o700 });
    mkdirSync(path, { mode: 0o755 });
    isMade = true;
    chmodSync(path, 0o755);
    descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    // A socket's path has 107 bytes, a home may be deeper than that.
    const socket = process.platform === "linux" ? `/proc/self/fd/${descriptor}/${GATEWAY_SOCKET}` : join(path, GATEWAY_SOCKET);
    await listen(server, socket);
    chmodSync(socket, 0o666);
  } catch (thrown) {
    server.close();
    if (descriptor !== undefined) closeSync(descriptor);
    if (isMade) await rm(path, { recursive: true, force: true });
    throw new NovaError("HOME_INVALID", `Cannot make the gateway's socket in ${quote(path, 400)}: ${messageOf(thrown)}.`, {
      place: path,
      next: "See that the disk has room and that the home lies on a file system that has sockets.",
      cause: thrown,
    });
  }
  const held = descriptor;
  return {
    path,
    async remove() {
      // Node removes the socket by the path it listened on, so the descriptor in that path must be ours until then.
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
      closeSync(held);
      await rm(path, { recursive: true, force: true });
      removeEmpty(ours);
    },
  };
}

/** In one step of this process, which may be making the next door's directory in there. */
function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (thrown) {
    if (!hasCode(thrown, "ENOTEMPTY", "EEXIST", "ENOENT")) throw thrown;
  }
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
