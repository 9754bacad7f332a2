import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import { checkRecipient } from "../age/data-key.ts";
import type { Sealing } from "../sops/document.ts";
import { goMatches } from "../sops/go-regex.ts";
import { readSelection, selectionOf } from "../sops/selection.ts";

/** sops gives up after as many directories. */
const MOST_DIRECTORIES = 100;
const NAME = ".sops.yaml";

const keys = z.union([z.string(), z.array(z.string())]);
const otherKeys = [
  "pgp",
  "kms",
  "gcp_kms",
  "azure_keyvault",
  "hc_vault_transit_uri",
  "hc_vault",
  "hckms",
  "plugins",
  "merge",
] as const;
// Fields that NovaBot does not read must still be seen, to be refused where leaving them out would change who can read a file.
const ruleSchema = z.looseObject({
  path_regex: z.string().optional(),
  age: keys.optional(),
  key_groups: z.array(z.looseObject({ age: z.array(z.string()).optional() })).optional(),
  shamir_threshold: z.number().optional(),
  mac_only_encrypted: z.boolean().optional(),
});
const fileSchema = z.looseObject({ creation_rules: z.array(ruleSchema).optional() });

type Rule = z.infer<typeof ruleSchema>;

/**
 * How a new file at `path` is encrypted: the first rule that fits in the nearest `.sops.yaml` upward from it, as sops finds it. Rejects with
 * SECRETS_INVALID when there is none or it cannot be followed to the letter.
 */
export async function creationRule(path: string): Promise<Sealing> {
  const directory = await realDirectory(dirname(path));
  const found = await findRules(directory);
  if (!found) {
    throw new NovaError("SECRETS_INVALID", `There is no ${NAME} that says for whom the file is encrypted.`, {
      place: path,
      next: `Make one beside contract.yaml: \`creation_rules: [{ age: age1… }]\`, with what \`novabot secrets keygen\` printed.`,
    });
  }
  const rules = readRules(found.text, found.path);
  // sops compares the path below the directory of the rules.
  const name = relative(dirname(found.path), join(directory, basename(path)));
  for (const [index, rule] of rules.entries()) {
    const place = `${found.path}, creation_rules[${index}]`;
    if (rule.path_regex && !goMatches(rule.path_regex, [name], `${place}.path_regex`).has(name)) continue;
    return sealingOf(rule, place);
  }
  throw new NovaError("SECRETS_INVALID", `No creation rule fits ${quote(name)}.`, {
    place: found.path,
    next: "Add a rule whose path_regex fits the file, or one without a path_regex as the last.",
  });
}

/** The same where there is one that can be followed, for files that are there already. */
export async function ruleIfAny(path: string): Promise<Sealing | undefined> {
  try {
    return await creationRule(path);
  } catch (thrown) {
    if (thrown instanceof NovaError) return undefined;
    throw thrown;
  }
}

/** The directory without links; what of it is not there yet is taken as it is called. */
async function realDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (thrown) {
    const parent = dirname(directory);
    if (hasCode(thrown, "ENOENT") && parent !== directory) return join(await realDirectory(parent), basename(directory));
    throw new NovaError("SECRETS_INVALID", `The directory cannot be used: ${reasonOf(thrown)}.`, {
      place: directory,
      cause: thrown,
    });
  }
}

async function findRules(from: string): Promise<{ readonly path: string; readonly text: string } | undefined> {
  let directory = from;
  for (let count = 0; count < MOST_DIRECTORIES; count += 1) {
    const path = join(directory, NAME);
    try {
      return { path, text: await readFile(path, "utf8") };
    } catch (thrown) {
      if (!hasCode(thrown, "ENOENT", "ENOTDIR")) {
        throw new NovaError("SECRETS_INVALID", `The creation rules cannot be read: ${reasonOf(thrown)}.`, {
          place: path,
          cause: thrown,
        });
      }
    }
    if (dirname(directory) === directory) break;
    directory = dirname(directory);
  }
  return undefined;
}

function readRules(text: string, place: string): readonly Rule[] {
  const invalid = (what: string, cause?: unknown): NovaError =>
    new NovaError("SECRETS_INVALID", `The creation rules ${what}.`, { place, cause });
  let content: unknown;
  try {
    const document = parseDocument(text, { prettyErrors: true, logLevel: "silent" });
    const [error] = document.errors;
    if (error) throw error;
    content = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    // Aliases that lead nowhere or explode, and brackets without end, are errors of the reader's own kinds.
    throw invalid(`are no YAML: ${thrown instanceof Error ? thrown.message.split("\n")[0] : "they cannot be read"}`, thrown);
  }
  const parsed = fileSchema.safeParse(content ?? {});
  if (parsed.success) return parsed.data.creation_rules ?? [];
  const [issue] = parsed.error.issues;
  throw invalid(`cannot be used: ${issue?.path.join(".")}: ${issue?.message}`);
}

function sealingOf(rule: Rule, place: string): Sealing {
  const groups = rule.key_groups ?? [];
  if (groups.length > 1 || rule.shamir_threshold !== undefined) {
    throw new NovaError(
      "SECRETS_KEY",
      "The rule shares the data key out over several key groups (Shamir), which NovaBot does not do.",
      {
        place,
        next: "Use one group of age recipients.",
      },
    );
  }
  const source: Readonly<Record<string, unknown>> = groups[0] ?? rule;
  const other = otherKeys.find((name) => {
    const value = source[name];
    return value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
  });
  if (other !== undefined) {
    throw new NovaError("SECRETS_KEY", `The rule encrypts for ${other} too, which NovaBot cannot.`, {
      place,
      next: "Use age recipients alone, or make the file with sops; NovaBot can change it afterwards.",
    });
  }
  const listed = groups[0] ? (groups[0].age ?? []) : rule.age === undefined ? [] : [rule.age].flat();
  const recipients = [
    ...new Set(
      listed
        .flatMap((item) => item.split(","))
        .map((item) => item.trim())
        .filter((item) => item !== ""),
    ),
  ];
  if (recipients.length === 0) {
    throw new NovaError("SECRETS_KEY", "The rule names no age recipient.", { place, next: "Add `age: age1…` to it." });
  }
  for (const recipient of recipients) checkRecipient(recipient, place);
  const selection = readSelection((name) => {
    const value: unknown = rule[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    throw new NovaError("SECRETS_INVALID", `${name} must be text.`, { place });
  }, place);
  // A pattern that cannot be followed is refused before anything is encrypted by it.
  selectionOf(selection, [], place);
  return { recipients, selection, macOnlyEncrypted: rule.mac_only_encrypted ?? false };
}
