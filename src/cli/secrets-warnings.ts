import type { SecretsTarget } from "../host/secrets/project.ts";
import { quote } from "../model/errors.ts";
import { ruleIfAny } from "../secrets/rules/creation-rules.ts";
import type { Row } from "../secrets/sops/rows.ts";
import type { CLIContext } from "./context.ts";

/** Tells of values that a module was given and does not declare. */
export function warnOfUndeclared(declared: SecretsTarget["declared"], rows: readonly Row[], context: CLIContext): void {
  if (!declared) return;
  const known = new Set(declared.secrets.map(({ name }) => name));
  for (const row of rows) {
    if (row.kind === "comment" || known.has(row.name)) continue;
    context.note(
      `warning ${quote(row.name)} is not declared for ${declared.module} in contract.yaml; \`novabot secrets verify\` will say so.`,
    );
  }
}

/** Tells who was given a file's new data key and is not named by its creation rule: anybody who can write a file can add themselves to it. */
export async function warnOfStrangers(file: string, recipients: readonly string[], context: CLIContext): Promise<void> {
  const rule = await ruleIfAny(file);
  for (const recipient of recipients) {
    if (!rule || rule.recipients.includes(recipient)) continue;
    context.note(
      `warning ${quote(recipient)} can open ${file}, and .sops.yaml does not name it: add it there, or take it out with \`novabot secrets recipients remove\`.`,
    );
  }
}
