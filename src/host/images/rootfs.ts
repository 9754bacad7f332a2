import { createHash } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { NovaError } from "../../model/errors.ts";
import { installPackages } from "../machine/apt.ts";
import type { Distribution } from "../machine/distribution.ts";
import { findProgram, lastLines, runProgram, withSystemPath } from "../machine/program.ts";
import type { Environment } from "../state.ts";
import { BASE_PACKAGES, NODE_PACKAGES } from "./versions.ts";

export interface RootFileSystem {
  readonly suite: string;
  readonly architecture: string;
  readonly argv: readonly string[];
}

/** The mmdebstrap call that writes a root file system of this machine's distribution to `file`; pure. */
export function rootFileSystemPlan(distribution: Distribution, architecture: "x64" | "arm64"): RootFileSystem {
  const suite = distribution.codename || "bookworm";
  const target = architecture === "x64" ? "amd64" : "arm64";
  const argv = [
    "mmdebstrap",
    "--mode=root",
    "--format=tar",
    "--variant=minbase",
    `--architectures=${target}`,
    `--include=${[...BASE_PACKAGES, ...NODE_PACKAGES].join(",")}`,
    ...(distribution.isUbuntu ? ["--components=main,universe"] : []),
    '--aptopt=APT::Install-Recommends "false"',
    // Documentation that no agent reads; licences stay.
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    // The host's own names must not travel in an image; engines mount theirs over these.
    '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
  ];
  return { suite, architecture: target, argv: [...argv, suite] };
}

/** Identifies what `plan` makes. */
export function rootFileSystemHash(plan: RootFileSystem): string {
  return createHash("sha256").update(JSON.stringify(plan)).digest("hex").slice(0, 16);
}

/** Whether this machine can make one; a sentence that says why not otherwise. */
export function whyNoRootFileSystem(distribution: Distribution, uid: number): string | undefined {
  if (!distribution.isDebian) return "this machine is neither Debian nor Ubuntu";
  if (uid !== 0) return "that needs root";
  return undefined;
}

/**
 * Gives the tar file of `plan`, from `directory` when it has been made before. Throws `SETUP_REFUSED` when mmdebstrap is
 * missing and nothing may be installed, `IMAGE_BUILD_FAILED` with its last lines when it fails.
 */
export async function makeRootFileSystem(
  plan: RootFileSystem,
  directory: string,
  options: { env: Environment; install: boolean; fresh: boolean; say(line: string): void; onLine(line: string): void },
): Promise<string> {
  const file = join(directory, `rootfs-${plan.suite}-${rootFileSystemHash(plan)}.tar`);
  if (!options.fresh && (await stat(file).catch(() => undefined))?.isFile()) return file;
  if (findProgram("mmdebstrap", options.env) === undefined) {
    await installPackages(["mmdebstrap"], "to build the base image from Debian's packages", options);
  }
  await mkdir(directory, { recursive: true });
  const draft = `${file}.${process.pid}.tar`;
  try {
    const result = await runProgram([...plan.argv, draft], {
      cwd: directory,
      env: { ...withSystemPath(options.env), DEBIAN_FRONTEND: "noninteractive", TMPDIR: directory },
      timeoutMs: 600_000,
      onLine: (line) => {
        const text = /^I: (.*)$/.exec(line)?.[1];
        if (text) options.onLine(text);
      },
    });
    if (result.exitCode !== 0) {
      throw new NovaError(
        "IMAGE_BUILD_FAILED",
        `mmdebstrap could not build a root file system of ${plan.suite} (exit status ${result.exitCode}).\n${lastLines(result.tail)}`,
        { next: "Check that `apt-get update` works on this machine, or set BASE_IMAGE to an image that the engine has." },
      );
    }
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  return file;
}
