import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../package-root.ts";

/** A file below `images/`. */
export async function imageFile(path: string): Promise<string> {
  return await readFile(join(packageRoot(), "images", path), "utf8");
}

interface BundleOptions {
  /** Constants that take the place of expressions. */
  readonly define?: Readonly<Record<string, string>>;
  /** Packages that lie beside the bundle. */
  readonly external?: readonly string[];
  /** Packages of the older form ask for Node's own modules with `require`. */
  readonly require?: boolean;
}

/** A module below `src` with all that it imports, as one JavaScript module without dependencies. */
async function bundle(entry: string, { define = {}, external = [], require = false }: BundleOptions = {}): Promise<string> {
  const here = fileURLToPath(import.meta.url);
  // Only a build needs it: loading it costs every start of the program, and fails where the working directory is gone.
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [join(dirname(here), "../..", `${entry}${extname(here)}`)],
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
    define: { ...define },
    external: [...external],
    ...(require
      ? { banner: { js: 'import{createRequire as requireFrom}from"node:module";const require=requireFrom(import.meta.url);' } }
      : {}),
  });
  return result.outputFiles[0]?.text ?? "";
}

/** The agent runner. */
export async function bundleRunner(): Promise<string> {
  return await bundle("agents/runner/main");
}

/** The in-container command, and its MCP server, which is apart because it is many times as large. */
export async function bundleMailCommand(): Promise<{ readonly command: string; readonly server: string }> {
  const [command, server] = await Promise.all([bundle("agents/mail-command/main"), bundle("agents/mail-command/mcp")]);
  return { command, server };
}

/** The supervisor of a worker and its command line. The supervisor finds `@lydell/node-pty`, its one native part, beside it. */
export async function bundleSupervisor(): Promise<{ readonly supervisor: string; readonly command: string }> {
  const manifest = JSON.parse(await readFile(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  const [supervisor, command] = await Promise.all([
    bundle("supervisor/main", {
      define: { "process.env.NOVABOT_VERSION": JSON.stringify(manifest.version) },
      // The other two only make WebSockets faster.
      external: ["@lydell/node-pty", "@lydell/node-pty-*", "bufferutil", "utf-8-validate"],
      require: true,
    }),
    bundle("supervisor/command/main", { require: true }),
  ]);
  return { supervisor, command };
}
