import { randomBytes } from "node:crypto";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { creationRule } from "./rules/creation-rules.ts";
import { createFile } from "./file/secrets-file.ts";
import { replaceFile } from "./file/replace-file.ts";

/** How a value is made without a person: `hex32` is 32 random bytes in hexadecimal. */
export type Generator = "hex32";

export interface NewSecrets {
  /** Absolute path of the encrypted file, which is not there. */
  readonly file: string;
  readonly secrets: readonly NewSecret[];
}

export interface NewSecret {
  readonly name: string;
  readonly generate: Generator | undefined;
  /** Stands above the value as an encrypted comment. */
  readonly description?: string | undefined;
}

/**
 * Makes a module's encrypted file with generated values, as its creation rule says. Secrets that nobody can generate are left out and their names
 * given back: a person has to set them. Rejects with SECRETS_INVALID when the file is there.
 */
export async function createSecrets(
  { file, secrets }: NewSecrets,
  now: Date = new Date(),
): Promise<{ readonly toSet: readonly string[] }> {
  const sealing = await creationRule(file);
  const rows = secrets.flatMap(({ name, generate, description }) => {
    if (generate === undefined) return [];
    const comment =
      description === undefined ? [] : [{ kind: "comment", text: ` ${description.replaceAll(/\s+/g, " ")}` } as const];
    return [...comment, { kind: "value", name, value: generators[generate]() } as const];
  });
  await createFile(file, rows, sealing, now);
  return { toSet: secrets.filter(({ generate }) => generate === undefined).map(({ name }) => name) };
}

/** Makes `<root>/.sops.yaml`, which encrypts everything below `secrets/` for `recipients`; false when there is one already. */
export async function createCreationRules(root: string, recipients: readonly string[]): Promise<boolean> {
  const path = join(root, ".sops.yaml");
  try {
    await access(path);
    return false;
  } catch {
    // Not there.
  }
  const content = [
    "# For whom new files of secrets are encrypted; `novabot secrets recipients` changes those that are there.",
    "creation_rules:",
    "  - path_regex: ^secrets/.*\\.env$",
    "    age:",
    ...recipients.map((recipient) => `      - ${recipient}`),
    "",
  ].join("\n");
  await replaceFile({ path, content, mode: 0o644, expected: null });
  return true;
}

const generators: Readonly<Record<Generator, () => string>> = {
  hex32: () => randomBytes(32).toString("hex"),
};
