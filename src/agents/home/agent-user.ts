import type { EngineInfo } from "../../engine/engine.ts";

/** Whom the agent's container runs as, and what that means for the directories that it writes. */
export interface AgentUser {
  readonly uid: number;
  readonly gid: number;
  /** The container's ids are not the host's: only directories open to everybody can be written by it. */
  readonly shifted: boolean;
  readonly why: string;
}

/** The image's own user, `node`. */
export const IMAGE_USER = { uid: 1000, gid: 1000 } as const;

/**
 * Root makes the directories and gives them to the image's user. Anybody else cannot give files away, so their containers
 * run as themselves, and what an agent writes belongs to its owner.
 */
export function agentUser(
  host: { readonly uid: number; readonly gid: number; readonly platform: string },
  engine: EngineInfo,
): AgentUser {
  if (host.platform !== "linux") return { ...IMAGE_USER, shifted: false, why: "the virtual machine's file sharing maps owners" };
  if (host.uid === 0)
    return { ...IMAGE_USER, shifted: engine.shiftsIDs, why: "the image's user; root gives it the group's directories" };
  if (engine.shiftsIDs)
    return {
      ...IMAGE_USER,
      shifted: true,
      why: "the rootless engine maps ids, so the group's directories are open to all, below a closed parent",
    };
  return {
    uid: host.uid,
    gid: host.gid,
    shifted: false,
    why: "the user who runs NovaBot, so that both can write the group's directories",
  };
}
