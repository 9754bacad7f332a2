import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { NovaError } from "../../model/errors.ts";
import type { Environment } from "../state.ts";
import { installPackages } from "./apt.ts";
import { readDistribution } from "./distribution.ts";

/** Programs that the tests drive beside the product's own, each with the Debian package that brings it. */
const programs: readonly (readonly [program: string, packageName: string])[] = [
  ["dockerd", "docker.io"],
  ["iptables", "iptables"],
  ["podman", "podman"],
  ["runc", "runc"],
  ["ip", "iproute2"],
  ["setpriv", "util-linux"],
];

/** Installs what the tests need and is missing: they run on a real Docker and a real Podman, in daemons of their own. */
export async function prepareTests(
  env: Environment,
  options: { readonly install: boolean; say(line: string): void },
): Promise<void> {
  const missing: string[] = [];
  for (const [program, packageName] of programs) if (!(await isOnPath(program, env))) missing.push(packageName);
  if (!missing.length) return;
  const distribution = await readDistribution();
  if (!distribution.isDebian || process.getuid?.() !== 0) {
    throw new NovaError(
      "SETUP_REFUSED",
      `The tests need ${missing.join(", ")}, and only root on Debian or Ubuntu can have them installed.`,
      {
        place: "novabot test",
        next: `Install them: ${missing.join(" ")}`,
      },
    );
  }
  await installPackages(missing, "for the tests", { env, install: options.install, say: options.say });
}

async function isOnPath(program: string, env: Environment): Promise<boolean> {
  for (const directory of [...(env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]) {
    if (
      directory &&
      (await access(join(directory, program), constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return true;
  }
  return false;
}
