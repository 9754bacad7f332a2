import { NovaError } from "../../model/errors.ts";
import type { Environment } from "../state.ts";
import { lastLines, runProgram, withSystemPath } from "./program.ts";

export interface AptOptions {
  readonly env: Environment;
  /** False forbids installing: then SETUP_REFUSED tells what is missing. */
  readonly install: boolean;
  say(line: string): void;
}

/** The two apt-get calls that install `packages`, as a person would type them. */
export function aptCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/** Installs Debian packages without asking anything. `reason` completes "Installing … ". */
export async function installPackages(packages: readonly string[], reason: string, options: AptOptions): Promise<void> {
  const names = packages.join(" ");
  if (!options.install) {
    throw new NovaError(
      "SETUP_REFUSED",
      `The packages ${names} are needed ${reason}, and --no-install forbids installing them.`,
      {
        place: "--no-install",
        next: `Run it without --no-install, or install them yourself: ${aptCommand(packages)}`,
      },
    );
  }
  options.say(`Installing ${names} ${reason} (apt-get).`);
  const env = { ...withSystemPath(options.env), DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_MODE: "a" };
  // Another apt may hold the lock, as unattended upgrades do just after a machine's boot.
  const apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"];
  const update = await runProgram([...apt, "update"], { env, cwd: "/", timeoutMs: 600_000 });
  const install = await runProgram(
    [...apt, "install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", ...packages],
    { env, cwd: "/", timeoutMs: 900_000 },
  );
  if (install.exitCode !== 0) {
    const tail = update.exitCode === 0 ? install.tail : `${update.tail}\n${install.tail}`;
    throw new NovaError(
      "SETUP_FAILED",
      `apt-get could not install ${names} (exit status ${install.exitCode}).\n${lastLines(tail)}`,
      {
        next: `Mend what apt-get says above, then try again: ${aptCommand(packages)}`,
      },
    );
  }
}
