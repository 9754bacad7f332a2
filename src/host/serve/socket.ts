import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";

export const SERVE_SOCKET = "serve.sock";

/** A way to the control socket of `home` that is short enough: a socket's path has about a hundred bytes, a home may be deeper. */
export async function controlSocket(home: Home): Promise<{ readonly path: string; close(): Promise<void> }> {
  if (process.platform !== "linux") return { path: join(home.host, SERVE_SOCKET), close: async () => undefined };
  const handle = await open(home.host, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  return { path: `/proc/self/fd/${handle.fd}/${SERVE_SOCKET}`, close: async () => await handle.close() };
}
