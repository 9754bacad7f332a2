import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../package-root.ts";

/** A file below `images/`. */
export async function imageFile(path: string): Promise<string> {
  return await readFile(join(packageRoot(), "images", path), "utf8");
}

/** A module below `src/agents` with all that it imports, as one JavaScript module without dependencies. */
async function bundle(entry: string): Promise<string> {
  const here = fileURLToPath(import.meta.url);
  // Only a build needs it: loading it costs every start of the program, and fails where the working directory is gone.
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [join(dirname(here), "../../agents", `${entry}${extname(here)}`)],
    absWorkingDir: packageRoot(),
    bundle: true,
    write: false,
    platform: "node",
    target: "node24",
    format: "esm",
    legalComments: "none",
    // Without it every file's path would stand in the bundle, and a checkout's and a package's image would differ.
    minifyWhitespace: true,
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

/** The agent runner. */
export async function bundleRunner(): Promise<string> {
  return await bundle("runner/main");
}

/** The in-container command, and its MCP server, which is apart because it is many times as large. */
export async function bundleMailCommand(): Promise<{ readonly command: string; readonly server: string }> {
  const [command, server] = await Promise.all([bundle("mail-command/main"), bundle("mail-command/mcp")]);
  return { command, server };
}
