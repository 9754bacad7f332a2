import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withFileLock } from "../../agents/turns/file-lock.ts";
import { NovaError } from "../../model/errors.ts";
import type { Environment } from "../state.ts";
import type { Distribution } from "./distribution.ts";
import { findProgram, lastLines, runProgram, withSystemPath } from "./program.ts";

/** Packages of a distribution's archive that are unpacked into a directory of their own; nothing on the machine is installed. */
export interface UnpackedPackages {
  readonly names: readonly string[];
  /** Which release of the archive they come from: `trixie`. It need not be this machine's. */
  readonly suite: string;
  readonly components: readonly string[];
  /** The file of the archive's keys, by which apt holds every package to be the archive's own. */
  readonly keyring: string;
}

/** What stands for `packages` in the name of a directory: other packages, or another release, are another directory. */
function hashOf(packages: UnpackedPackages): string {
  return createHash("sha256").update(JSON.stringify(packages)).digest("hex").slice(0, 12);
}

/** Where `unpackPackages` puts them below `directory`. */
export function unpackedAt(packages: UnpackedPackages, directory: string): string {
  return join(directory, `${packages.names[0]}-${packages.suite}-${hashOf(packages)}`);
}

export interface UnpackOptions {
  readonly env: Environment;
  readonly distribution: Distribution;
  say(line: string): void;
}

/**
 * Downloads and unpacks `packages` below `directory` unless that was done before, and gives the directory that holds their `usr`. apt does it
 * with a list of sources and a state of its own, so that the machine's lists and packages stay as they are; its signatures are always checked. Rejects
 * with `SETUP_FAILED` and apt's own last words.
 */
export async function unpackPackages(packages: UnpackedPackages, directory: string, options: UnpackOptions): Promise<string> {
  const target = unpackedAt(packages, directory);
  if (existsSync(target)) return target;
  await mkdir(directory, { recursive: true });
  return await withFileLock(
    join(directory, "download.lock"),
    () => options.say("Another NovaBot downloads packages on this machine; waiting for it."),
    async () => {
      if (existsSync(target)) return target;
      const draft = await mkdtemp(join(directory, "draft-"));
      try {
        await rename(await fetchInto(draft, packages, options), target);
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
      return target;
    },
  );
}

async function fetchInto(draft: string, packages: UnpackedPackages, options: UnpackOptions): Promise<string> {
  const env = { ...withSystemPath(options.env), LC_ALL: "C" };
  const run = async (argv: readonly string[], cwd: string): Promise<void> => {
    const result = await runProgram(argv, { env, cwd, timeoutMs: 600_000 });
    if (result.exitCode !== 0) throw failed(packages, argv[0] ?? "", lastLines(result.tail));
  };
  for (const program of ["apt-get", "dpkg-deb"]) {
    if (findProgram(program, env) === undefined) throw failed(packages, program, "  it is not on this machine");
  }
  const archive = await archiveAddress(options);
  for (const name of ["state/lists/partial", "cache/archives/partial", "packages", "root"]) {
    await mkdir(join(draft, name), { recursive: true });
  }
  const sources = join(draft, "sources.list");
  await writeFile(sources, `deb [signed-by=${packages.keyring}] ${archive} ${packages.suite} ${packages.components.join(" ")}\n`);
  await writeFile(join(draft, "status"), "");
  const apt = [
    "apt-get",
    "-q",
    ...aptSettings({
      "Dir::Etc::SourceList": sources,
      "Dir::Etc::SourceParts": "-",
      "Dir::Etc::Preferences": "-",
      "Dir::Etc::PreferencesParts": "-",
      "Dir::State": join(draft, "state"),
      "Dir::State::status": join(draft, "status"),
      "Dir::Cache": join(draft, "cache"),
      // apt gives its downloads to a user of its own, who may not reach this directory.
      "APT::Sandbox::User": "root",
      "APT::Update::Error-Mode": "any",
      "Acquire::Languages": "none",
      "Acquire::Retries": "3",
    }),
  ];
  await run([...apt, "update"], draft);
  await run([...apt, "download", ...packages.names], join(draft, "packages"));
  for (const file of await readdir(join(draft, "packages"))) {
    if (file.endsWith(".deb")) await run(["dpkg-deb", "--extract", join(draft, "packages", file), join(draft, "root")], draft);
  }
  return join(draft, "root");
}

function aptSettings(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** The address of the archive that this machine's own sources name for its release: it may be a mirror. */
export async function archiveAddress({ env, distribution }: UnpackOptions): Promise<string> {
  const argv = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await runProgram(argv, { env: withSystemPath(env), cwd: "/", timeoutMs: 60_000 });
  const found = stdout.split("\n").find((line) => line.startsWith(`${distribution.codename} main `));
  const address = found?.split(" ")[2];
  if (address === undefined || !/^[a-z][a-z0-9+-]*:\/\/\S+$/.test(address)) {
    throw new NovaError("SETUP_FAILED", `apt's sources on this machine do not name the archive of ${distribution.name}.`, {
      place: "/etc/apt",
      next: `Add the archive of ${distribution.codename} to apt's sources, then try again.`,
    });
  }
  return address;
}

function failed(packages: UnpackedPackages, program: string, reason: string): NovaError {
  const names = packages.names.join(" ");
  return new NovaError("SETUP_FAILED", `${names} of ${packages.suite} could not be downloaded: ${program} failed.\n${reason}`, {
    place: dirname(packages.keyring),
    next: "See that `apt-get update` works on this machine and that its package of archive keys is up to date, then try again.",
  });
}
