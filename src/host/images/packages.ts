import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { createReadStream, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type ExtractEvents } from "tar-stream";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import { lastLines, runProgram } from "../machine/program.ts";
import type { Environment } from "../state.ts";
import type { ContextEntry } from "./context.ts";
import { NPM_VERSION } from "./versions.ts";

/** The npm package's word for a Linux architecture that engines call `amd64` or `x86_64`, `arm64` or `aarch64`. */
export function nodeArchitecture(architecture: string): "x64" | "arm64" {
  if (/^(x64|amd64|x86_64)$/.test(architecture)) return "x64";
  if (/^(arm64|aarch64)$/.test(architecture)) return "arm64";
  throw new NovaError("NOT_SUPPORTED", `There is no base image for the architecture ${quote(architecture)}.`, {
    next: "Set BASE_IMAGE to an image of Debian with Node 24 for this architecture.",
  });
}

/** The packaged Node of this installation. */
export async function packagedNode(architecture: "x64" | "arm64"): Promise<{ readonly file: string; readonly version: string }> {
  const name = `node-linux-${architecture}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
    return { file: join(dirname(manifest), "bin/node"), version };
  } catch (error) {
    throw new NovaError(
      "IMAGE_BUILD_FAILED",
      `The npm package ${name} is not installed, so there is no Node to put into the base image.`,
      {
        place: "package.json, optionalDependencies",
        next: `Run: npm install --no-save ${name}, or set BASE_IMAGE to an image that brings Node 24.`,
        cause: error,
      },
    );
  }
}

/** npm's own archive, fetched once into `directory` by the npm of this machine. */
async function fetchNPM(directory: string, env: Environment): Promise<string> {
  const file = join(directory, `npm-${NPM_VERSION}.tgz`);
  if (existsSync(file)) return file;
  const draft = join(directory, `npm-${process.pid}`);
  await mkdir(draft, { recursive: true });
  try {
    const result = await runProgram(["npm", "pack", `npm@${NPM_VERSION}`, "--pack-destination", draft], {
      env,
      // An `.npmrc` where the caller is may be an agent's, and would name the registry.
      cwd: draft,
      timeoutMs: 120_000,
    });
    if (result.exitCode !== 0) {
      throw new NovaError(
        "IMAGE_BUILD_FAILED",
        `npm ${NPM_VERSION} could not be fetched from the npm registry.\n${lastLines(result.tail)}`,
        {
          next: result.missing
            ? "Install npm, or set BASE_IMAGE to an image that brings Node 24 and npm."
            : "Check that `npm ping` works here, or set BASE_IMAGE to an image that brings Node 24 and npm.",
        },
      );
    }
    await rename(join(draft, `npm-${NPM_VERSION}.tgz`), file);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return file;
}

/** Calls `take` with each entry of a compressed tar archive; it must read the entry. */
export async function readArchive(file: string, take: (entry: ExtractEvents["entry"][1]) => Promise<void>): Promise<void> {
  try {
    const archive = extract();
    const read = async (): Promise<void> => {
      for await (const entry of archive) await take(entry);
    };
    await Promise.all([pipeline(createReadStream(file), createGunzip(), archive), read()]);
  } catch (error) {
    throw new NovaError("IMAGE_BUILD_FAILED", `The archive ${quote(file)} cannot be read: ${messageOf(error)}`, {
      place: file,
      next: `Remove it, and the next build fetches it anew: rm ${file}`,
      cause: error,
    });
  }
}

/** Node and npm as entries below `/usr/local`, as Node's own archives lay them out. */
export async function nodeEntries(node: string, directory: string, env: Environment): Promise<ContextEntry[]> {
  const entries: ContextEntry[] = [{ path: "usr/local/bin/node", mode: 0o755, file: node }];
  await readArchive(await fetchNPM(directory, env), async (entry) => {
    const { name, type, mode } = entry.header;
    const content = await buffer(entry);
    if (type !== "file" || !name.startsWith("package/") || name.split("/").includes("..")) return;
    const executable = ((mode ?? 0) & 0o111) !== 0 || /^package\/bin\/[^/]+-cli\.js$/.test(name);
    entries.push({ path: `usr/local/lib/node_modules/npm/${name.slice(8)}`, mode: executable ? 0o755 : 0o644, content });
  });
  const compare = (a: ContextEntry, b: ContextEntry): number => (a.path < b.path ? -1 : 1);
  for (const name of ["npm", "npx"])
    entries.push({ path: `usr/local/bin/${name}`, link: `../lib/node_modules/npm/bin/${name}-cli.js` });
  return entries.sort(compare);
}
