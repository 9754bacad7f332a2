import { describeError } from "../src/cli/output.ts";
import { installPackages } from "../src/host/machine/apt.ts";
import { readDistribution } from "../src/host/machine/distribution.ts";
import { findProgram } from "../src/host/machine/program.ts";
import type { Environment } from "../src/host/state.ts";
import { errorCodes, NovaError } from "../src/model/errors.ts";
import { composeCorpus } from "./fixtures/compose-corpus/fetch.ts";
import { composeProgram } from "./fixtures/compose-programs.ts";

// What `novabot test` runs before `check.ts`: installs what the tests need and this machine has not. They run on a real Docker
// and a real Podman, in daemons of their own. `--no-install` only says what is missing.

/** Programs that the tests drive beside the product's own, each with the Debian package that brings it. */
const programs: readonly (readonly [program: string, packageName: string])[] = [
  ["dockerd", "docker.io"],
  ["iptables", "iptables"],
  ["podman", "podman"],
  ["runc", "runc"],
  ["ip", "iproute2"],
  ["setpriv", "util-linux"],
  ["mount", "mount"],
  ["umount", "mount"],
  ["xz", "xz-utils"],
  // Makes the certificates of servers.
  ["openssl", "openssl"],
  // Opens what the secrets' codec seals.
  ["age", "age"],
  // Gives a program a terminal.
  ["script", "bsdutils"],
  ["python3", "python3"],
  // Applies the patches of a worker's patchctl.
  ["git", "git"],
  // Draw on the whole screen of a worker's terminal.
  ["less", "less"],
  ["vi", "vim-tiny"],
  ["top", "procps"],
];

async function prepareTests(env: Environment, install: boolean): Promise<void> {
  await preparePackages(env, install);
  // Not installed but unpacked: a test that needs one brings it as well, only later.
  for (const name of ["v2", "v1", "podman-compose"] as const) await composeProgram(name);
  // Others' texts: what cannot be brought is told here by its name, and not as a test that fails.
  await composeCorpus();
}

async function preparePackages(env: Environment, install: boolean): Promise<void> {
  const needed = programs.flatMap(([program, packageName]) => (findProgram(program, env) === undefined ? [packageName] : []));
  if (needed.length === 0) return;
  const missing = [...new Set(needed)];
  const names = missing.join(" ");
  const distribution = await readDistribution();
  if (!distribution.isDebian || process.getuid?.() !== 0) {
    throw new NovaError("SETUP_REFUSED", `The tests need ${names}, and only root on Debian or Ubuntu can have them installed.`, {
      place: "novabot test",
      next: `Install them: ${names}`,
    });
  }
  await installPackages(missing, "for the tests", { env, install, say: (line) => console.error(line) });
}

try {
  await prepareTests(process.env, !process.argv.includes("--no-install"));
} catch (thrown) {
  for (const line of describeError(thrown)) console.error(line);
  process.exitCode = errorCodes[thrown instanceof NovaError ? thrown.code : "INTERNAL"].exit;
}
