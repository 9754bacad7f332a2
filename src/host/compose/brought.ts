import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Distribution } from "../machine/distribution.ts";
import { unpackedAt, type UnpackedPackages } from "../machine/unpacked-packages.ts";
import { stateDirectory, type Environment } from "../state.ts";

/** Where both distributions' packages have the plug-in, which is a program of its own. */
export const PACKAGED_COMPOSE = "usr/libexec/docker/cli-plugins/docker-compose";

/** The package that is Compose v2: Debian has it from 13 on, and that one runs on 12 as well; Ubuntu has it from 22.04 on. */
export function composePackage(distribution: Distribution): UnpackedPackages | undefined {
  if (distribution.isUbuntu) {
    return {
      names: ["docker-compose-v2"],
      suite: `${distribution.codename}-updates`,
      components: ["universe"],
      keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    };
  }
  if (!distribution.isDebian) return undefined;
  return {
    names: ["docker-compose"],
    suite: distribution.id === "debian" && distribution.codename !== "bookworm" ? distribution.codename : "trixie",
    components: ["main"],
    keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
  };
}

/** Where set-up keeps the Compose that it brought. */
export function broughtDirectory(env: Environment): string {
  return join(stateDirectory(env), "compose");
}

/** The path of the Compose v2 that `bringCompose` put below `directory`; undefined when it did not yet. */
export function broughtCompose(distribution: Distribution, directory: string): string | undefined {
  const packages = composePackage(distribution);
  const file = packages && join(unpackedAt(packages, directory), PACKAGED_COMPOSE);
  return file !== undefined && existsSync(file) ? file : undefined;
}
