import { dirname } from "node:path";
import { stat } from "node:fs/promises";
import { NovaError, quote, reasonOf } from "../../model/errors.ts";
import type { Identities } from "../age/identities.ts";
import { replaceFile, type Owner } from "../file/replace-file.ts";
import { openSecrets, readIfThere, valuesOf } from "../file/secrets-file.ts";
import { compareValues, needsNoFile, type DeclaredSecrets } from "../verify.ts";
import { givesExactly, renderEnvFile, type EnvFileForm } from "./env-file.ts";

export interface Materialization {
  /** What the module declares, and the encrypted file that has it. */
  readonly declared: DeclaredSecrets;
  /** Absolute path of the plain env file that Compose reads: `<module>/.env.local`. */
  readonly target: string;
  /** The contract's user. Only root can give files away; anybody else keeps the file, since Compose then reads it as them. */
  readonly owner: Owner;
  readonly form: EnvFileForm;
}

export interface Materialized {
  readonly target: string;
  readonly names: readonly string[];
  /** What the file belongs to in the end. */
  readonly owner: Owner;
  readonly warnings: readonly string[];
}

/**
 * Decrypts and verifies a module's secrets in memory and puts them where Compose reads them, so that the process gets every value byte for byte.
 * Rejects, with the old file as it was: SECRETS_MISMATCH for names that are missing or not declared and values that are empty, SECRETS_UNREPRESENTABLE for a value that this
 * Compose cannot hand on, and as `openDocument` does.
 */
export async function materialize(
  { declared, target, owner, form }: Materialization,
  identities: Identities,
): Promise<Materialized> {
  const { values, unencrypted } = await declaredValues(declared, identities);
  const problems = compareValues(
    [...values].map(([name, value]) => ({ name, value })),
    declared.secrets,
  );
  if (problems.length) {
    throw new NovaError(
      "SECRETS_MISMATCH",
      `The secrets of ${quote(declared.module)} for ${declared.environment} do not fit: ${problems.join("; ")}.`,
      {
        place: declared.file,
      },
    );
  }
  const content = renderEnvFile(values, form, declared.file);
  await requireDirectory(dirname(target));
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  const gives = uid === 0 || uid === undefined || (uid === owner.uid && gid === owner.gid);
  await replaceFile({
    path: target,
    content,
    mode: 0o600,
    owner: gives ? owner : undefined,
    verify: (bytes) => {
      if (givesExactly(new TextDecoder().decode(bytes), values, form)) return;
      throw new NovaError("SECRETS_UNREPRESENTABLE", "The env file does not read back as what it was made of.", {
        place: target,
      });
    },
  });
  const kept = { uid: uid ?? owner.uid, gid: gid ?? owner.gid };
  return {
    target,
    names: [...values.keys()],
    owner: gives ? owner : kept,
    warnings: [
      ...(gives ? [] : [`${target} belongs to ${kept.uid}:${kept.gid}: only root can give it to ${owner.uid}:${owner.gid}`]),
      ...unencrypted.map((name) => `${quote(name)} is not encrypted in ${declared.file}; see \`novabot secrets verify\``),
    ],
  };
}

/** The verified values; none for a module that declares none and has no file. */
async function declaredValues(
  { file, secrets }: DeclaredSecrets,
  identities: Identities,
): Promise<{ readonly values: Map<string, string>; readonly unencrypted: readonly string[] }> {
  if (needsNoFile(secrets) && (await readIfThere(file)) === null) return { values: new Map(), unencrypted: [] };
  const { document } = await openSecrets(file, identities);
  return { values: valuesOf(document.rows, file), unencrypted: document.unencrypted };
}

async function requireDirectory(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (thrown) {
    throw new NovaError("SECRETS_INVALID", `The module's folder cannot be used: ${reasonOf(thrown)}.`, {
      place: path,
      next: "Make it, or correct `folder` in contract.yaml; `novabot modules add` brings NovaBot's own modules.",
      cause: thrown,
    });
  }
  throw new NovaError("SECRETS_INVALID", "The module's folder is no directory.", { place: path });
}
