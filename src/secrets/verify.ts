import { NovaError, quote } from "../model/errors.ts";
import type { Identities } from "./age/identities.ts";
import { openSecrets } from "./file/secrets-file.ts";
import { ruleIfAny } from "./rules/creation-rules.ts";
import type { SecretsDocument } from "./sops/document.ts";

const MOST_CLAUSES = 20;

/** What one module declares for one environment. */
export interface DeclaredSecrets {
  readonly module: string;
  readonly environment: string;
  /** Absolute path of the encrypted file. */
  readonly file: string;
  readonly secrets: readonly { readonly name: string; readonly optional: boolean }[];
}

/** How one file went: no problems means that it decrypts, fits its MAC and has what is declared, and nothing else. */
export interface VerifiedSecrets {
  readonly module: string;
  readonly environment: string;
  readonly file: string;
  /** In the file's order. */
  readonly names: readonly string[];
  readonly recipients: readonly string[];
  readonly lastModified: string | undefined;
  readonly problems: readonly SecretsProblem[];
}

export interface SecretsProblem {
  /** `mismatch` is a name that is missing, not declared, empty or doubled, or what `.sops.yaml` does not say; the others are as the error codes say. */
  readonly kind: "mismatch" | "unreadable";
  readonly message: string;
  /** Set for `unreadable`. */
  readonly error?: NovaError;
}

/** Verifies every file and reports all problems of all of them; what cannot be read is a problem too, and never thrown. */
export async function verifySecrets(declared: readonly DeclaredSecrets[], identities: Identities): Promise<VerifiedSecrets[]> {
  return await Promise.all(declared.map(async (one) => await verifyOne(one, identities)));
}

async function verifyOne(
  { module, environment, file, secrets }: DeclaredSecrets,
  identities: Identities,
): Promise<VerifiedSecrets> {
  const about = { module, environment, file };
  try {
    const { document } = await openSecrets(file, identities);
    const values = document.rows.flatMap((row) => (row.kind === "value" ? [row] : []));
    const names = values.map(({ name }) => name);
    const mismatches = [...compareValues(values, secrets), ...(await compareRule(file, document))];
    return {
      ...about,
      names,
      recipients: document.metadata.recipients.map(({ recipient }) => recipient),
      lastModified: document.metadata.lastModified,
      problems: mismatches.map((message) => ({ kind: "mismatch", message })),
    };
  } catch (thrown) {
    if (!(thrown instanceof NovaError)) throw thrown;
    if (thrown.code === "SECRETS_NOT_FOUND" && needsNoFile(secrets)) {
      return { ...about, names: [], recipients: [], lastModified: undefined, problems: [] };
    }
    const problems = [{ kind: "unreadable", message: thrown.message, error: thrown } as const];
    return { ...about, names: [], recipients: [], lastModified: undefined, problems };
  }
}

/** Whether a module does without a file: nothing is declared that must be there. */
export function needsNoFile(secrets: DeclaredSecrets["secrets"]): boolean {
  return secrets.every(({ optional }) => optional);
}

/**
 * What is wrong with the names of a file, each as a clause. An added row with an empty value fits the MAC: only this sees it, also where the name is
 * declared.
 */
export function compareValues(
  values: readonly { readonly name: string; readonly value: string }[],
  secrets: DeclaredSecrets["secrets"],
): string[] {
  const declared = new Set(secrets.map(({ name }) => name));
  const counts = new Map<string, number>();
  for (const { name } of values) counts.set(name, (counts.get(name) ?? 0) + 1);
  return bounded([
    ...secrets.filter(({ name, optional }) => !optional && !counts.has(name)).map(({ name }) => `${quote(name)} is missing`),
    ...[...counts.keys()].filter((name) => !declared.has(name)).map((name) => `${quote(name)} is not declared`),
    ...[...counts].filter(([, count]) => count > 1).map(([name]) => `${quote(name)} stands twice`),
    ...values.filter(({ value }) => value === "").map(({ name }) => `${quote(name)} is empty`),
  ]);
}

/** What of a file is under no MAC, held against its creation rule: who can open it, and what stands in it for everybody to read. */
async function compareRule(file: string, { metadata, unencrypted }: SecretsDocument): Promise<string[]> {
  const rule = await ruleIfAny(file);
  const strangers = rule ? metadata.recipients.filter(({ recipient }) => !rule.recipients.includes(recipient)) : [];
  const isMeant = rule && JSON.stringify(rule.selection) === JSON.stringify(metadata.selection);
  const open = unencrypted.filter((name) => metadata.macOnlyEncrypted || !(isMeant || name.endsWith("_unencrypted")));
  return bounded([
    ...strangers.map(({ recipient }) => `it is encrypted for ${quote(recipient)} too, which .sops.yaml does not name`),
    ...open.map((name) =>
      metadata.macOnlyEncrypted
        ? `${quote(name)} is not under the MAC (mac_only_encrypted), so that anybody can change it`
        : `${quote(name)} is not encrypted, and .sops.yaml does not say that it is to be read by everybody`,
    ),
  ]);
}

/** A file from a stranger may have hundreds of thousands of names. */
function bounded(clauses: readonly string[]): string[] {
  return clauses.length > MOST_CLAUSES
    ? [...clauses.slice(0, MOST_CLAUSES), `and ${clauses.length - MOST_CLAUSES} more`]
    : [...clauses];
}
