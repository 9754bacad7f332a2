import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The directory of NovaBot's own package, in a checkout and in an installed package alike. */
export function packageDirectory(from: string = fileURLToPath(import.meta.url)): string {
  let directory = dirname(from);
  while (!existsSync(join(directory, "package.json")) && dirname(directory) !== directory) directory = dirname(directory);
  return directory;
}

/** A file below `images/`. */
export async function imageFile(path: string): Promise<string> {
  return await readFile(join(packageDirectory(), "images", path), "utf8");
}

/** The agent runner as one JavaScript module without dependencies. */
export async function bundleRunner(): Promise<string> {
  const here = fileURLToPath(import.meta.url);
  const result = await build({
    entryPoints: [join(dirname(here), "../../agents/runner", `main${extname(here)}`)],
    absWorkingDir: packageDirectory(),
    bundle: true,
    write: false,
    platform: "node",
    target: "node24",
    format: "esm",
    legalComments: "none",
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}
