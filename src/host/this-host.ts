import type { HostUser } from "../agents/home/agent-user.ts";

/** The user and system that this process runs as. */
export function thisHost(): HostUser {
  return { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, platform: process.platform };
}
