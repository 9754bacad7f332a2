import { readFile } from "node:fs/promises";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import { runProgram } from "../machine/program.ts";
import { packageRoot } from "../package-root.ts";
import type { Environment } from "../state.ts";

/**
 * The certificates that this machine adds to the known ones (`NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`) as one PEM text; empty
 * where neither is set. A file that is named and cannot be read is an error, as the build would fail later and say less.
 */
export async function hostCertificates(env: Environment): Promise<string> {
  const texts: string[] = [];
  const seen = new Set<string>();
  for (const name of ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"]) {
    const file = env[name];
    if (!file || seen.has(file)) continue;
    seen.add(file);
    try {
      texts.push((await readFile(file, "utf8")).trim());
    } catch (error) {
      throw new NovaError("IMAGE_BUILD_FAILED", `The certificates in ${quote(file)} cannot be read: ${messageOf(error)}`, {
        place: name,
        next: `Set ${name} to a readable PEM file, or unset it.`,
        cause: error,
      });
    }
  }
  return texts.length === 0 ? "" : `${texts.join("\n")}\n`;
}

/**
 * The npm registry that this machine is set to use; empty when npm does not say. It may hold a password: it goes into no label
 * and no log. npm is asked in NovaBot's own directory: an `.npmrc` in the caller's may be an agent's.
 */
export async function hostRegistry(env: Environment): Promise<string> {
  const set = env["npm_config_registry"] || env["NPM_CONFIG_REGISTRY"];
  const ask = { env, cwd: packageRoot(), timeoutMs: 20_000 };
  const text = set || (await runProgram(["npm", "config", "get", "registry"], ask)).stdout.trim();
  return /^https?:\/\/\S+$/.test(text) ? text : "";
}
