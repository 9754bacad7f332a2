import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { hasCode, NovaError, reasonOf } from "../../model/errors.ts";
import { ageLibrary } from "./library.ts";

/** The process environment, by argument so that tests need not change their own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A private key, with the recipient that others encrypt for. */
export interface Identity {
  readonly secret: string;
  readonly recipient: string;
  /** A variable's name or a file's path. */
  readonly from: string;
}

export interface Identities {
  readonly found: readonly Identity[];
  /** Every place that was looked at, with what was there, for errors. */
  readonly looked: readonly string[];
  /** What the owner should know and what stops nothing: a key file that others can read. */
  readonly warnings: readonly string[];
}

/** Where sops and NovaBot look for private keys when no variable says otherwise. */
export function defaultKeyFile(env: Environment, platform: NodeJS.Platform = process.platform): string {
  const home = env["HOME"] || homedir();
  const standard = platform === "darwin" ? join(home, "Library/Application Support") : join(home, ".config");
  return join(env["XDG_CONFIG_HOME"] || standard, "sops/age/keys.txt");
}

/**
 * The private keys of `SOPS_AGE_KEY`, of the file that `SOPS_AGE_KEY_FILE` names, and of sops's own default key file: all of them,
 * as sops does. Rejects with SECRETS_KEY for a file that is named and cannot be read.
 */
export async function findIdentities(env: Environment, platform: NodeJS.Platform = process.platform): Promise<Identities> {
  const found: Identity[] = [];
  const looked: string[] = [];
  const warnings: string[] = [];
  const add = async (text: string, from: string): Promise<void> => {
    const parsed = await parseIdentities(text, from);
    found.push(...parsed.identities);
    looked.push(...(parsed.notes.length ? parsed.notes : [`${from} has ${parsed.identities.length} key(s)`]));
  };
  const text = env["SOPS_AGE_KEY"];
  if (text) await add(text, "SOPS_AGE_KEY");
  else looked.push("SOPS_AGE_KEY is not set");

  const files: (readonly [path: string, name: string, named: boolean])[] = [];
  const named = env["SOPS_AGE_KEY_FILE"];
  if (named) files.push([named, `SOPS_AGE_KEY_FILE (${named})`, true]);
  else looked.push("SOPS_AGE_KEY_FILE is not set");
  const standard = defaultKeyFile(env, platform);
  if (standard !== named) files.push([standard, standard, false]);
  for (const [path, name, isNamed] of files) {
    let content: string;
    try {
      content = await readFile(path, "utf8");
    } catch (thrown) {
      if (isNamed) {
        throw new NovaError("SECRETS_KEY", `The key file cannot be read: ${reasonOf(thrown)}.`, {
          place: name,
          next: "Correct SOPS_AGE_KEY_FILE, or make a key with `novabot secrets keygen`.",
          cause: thrown,
        });
      }
      looked.push(`${name} ${hasCode(thrown, "ENOENT", "ENOTDIR") ? "is not there" : `cannot be read: ${reasonOf(thrown)}`}`);
      continue;
    }
    await add(content, name);
    if (((await stat(path)).mode & 0o077) !== 0)
      warnings.push(`The key file ${path} is open to other users; close it with: chmod 600 ${path}`);
  }
  for (const name of ["SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"]) {
    if (env[name])
      looked.push(`${name} is set, which NovaBot does not use: it takes age keys alone, and runs no command for them`);
  }
  return { found, looked, warnings };
}

/** The age keys of a key file's text; other kinds of key are told by kind, never by what they hold. */
export async function parseIdentities(
  text: string,
  from: string,
): Promise<{ readonly identities: readonly Identity[]; readonly notes: readonly string[] }> {
  if (/^(?:age-encryption\.org\/v1|-----BEGIN AGE ENCRYPTED FILE-----)/.test(text)) {
    return { identities: [], notes: [`${from} is encrypted with a passphrase; decrypt it into SOPS_AGE_KEY (age -d)`] };
  }
  if (/^-----BEGIN (?:OPENSSH|RSA) PRIVATE KEY-----/.test(text)) {
    return {
      identities: [],
      notes: [`${from} is an SSH key, which NovaBot does not use; make an age key with \`novabot secrets keygen\``],
    };
  }
  const { identityToRecipient } = await ageLibrary();
  const identities: Identity[] = [];
  const notes: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const secret = line.trim();
    if (secret === "" || secret.startsWith("#")) continue;
    if (!/^AGE-SECRET-KEY-1[A-Z0-9]+$/.test(secret)) {
      const kind = secret.startsWith("AGE-PLUGIN-")
        ? "a plugin's key"
        : secret.startsWith("AGE-SECRET-KEY-PQ-")
          ? "a post-quantum key"
          : "no age key";
      notes.push(`${from}, line ${index + 1}: ${kind}, which NovaBot does not use`);
      continue;
    }
    try {
      identities.push({ secret, recipient: await identityToRecipient(secret), from });
    } catch {
      // The library's own message could hold a part of the key.
      notes.push(`${from}, line ${index + 1}: an age key that is damaged`);
    }
  }
  return { identities, notes };
}
