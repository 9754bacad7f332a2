import type { EngineInfo } from "../../engine/engine.ts";

/** Who runs NovaBot; `uid` is -1 where users have no numbers. */
export interface HostUser {
  readonly uid: number;
  readonly gid: number;
  readonly platform: string;
}

/** Whom the agent's container runs as, and what that means for the directories that it writes. */
export interface AgentUser {
  readonly uid: number;
  readonly gid: number;
  /** What it shall write has to be given to it: the host is root, and the agent is not. */
  readonly isGiven: boolean;
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
export function agentUser(host: HostUser, engine: EngineInfo): AgentUser {
  const shifted = engine.shiftsIDs;
  if (host.platform !== "linux") {
    return { ...IMAGE_USER, isGiven: false, shifted: false, why: "the virtual machine's file sharing maps owners" };
  }
  if (shifted) {
    const why = "the rootless engine maps ids, so the group's directories are open to all, below a closed parent";
    return { ...IMAGE_USER, isGiven: false, shifted, why };
  }
  if (host.uid === 0) {
    return { ...IMAGE_USER, isGiven: true, shifted, why: "the image's user; root gives it the group's directories" };
  }
  const why = "the user who runs NovaBot, so that both can write the group's directories";
  return { uid: host.uid, gid: host.gid, isGiven: false, shifted, why };
}
