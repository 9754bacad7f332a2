import { NovaError } from "../../model/errors.ts";
import { goMatches } from "./go-regex.ts";

/** Which values of a file are encrypted; at most one is set. sops writes it into the file's own metadata. */
export interface Selection {
  readonly unencryptedSuffix?: string;
  readonly encryptedSuffix?: string;
  readonly unencryptedRegex?: string;
  readonly encryptedRegex?: string;
}

/** The names that `.sops.yaml` and, after `sops_`, a file's metadata give them. */
export const selectionNames: Readonly<Record<keyof Selection, string>> = {
  unencryptedSuffix: "unencrypted_suffix",
  encryptedSuffix: "encrypted_suffix",
  unencryptedRegex: "unencrypted_regex",
  encryptedRegex: "encrypted_regex",
};

/** The comment rules of newer sops, which NovaBot refuses by name. */
export const commentRules: readonly string[] = ["unencrypted_comment_regex", "encrypted_comment_regex"];

/** What sops takes where nothing is set. */
const defaultSelection: Selection = { unencryptedSuffix: "_unencrypted" };

/** The selection that `read` gives by sops's names, or sops's default; rejects more than one, and comment rules. */
export function readSelection(read: (name: string) => string | undefined, place: string): Selection {
  const found = Object.entries(selectionNames).flatMap(([key, name]) => {
    const value = read(name);
    return value ? [[key, value] as const] : [];
  });
  const comment = commentRules.find((name) => read(name));
  if (comment !== undefined) {
    throw new NovaError("SECRETS_INVALID", `${comment} is set, which NovaBot does not know how to follow.`, {
      place,
      next: "Use unencrypted_suffix, encrypted_suffix, unencrypted_regex or encrypted_regex.",
    });
  }
  if (found.length > 1) {
    const names = found.map(([key]) => selectionNames[key as keyof Selection]).join(" and ");
    throw new NovaError("SECRETS_INVALID", `${names} are both set; sops takes one of them.`, { place, next: "Leave one." });
  }
  return found.length ? Object.fromEntries(found) : defaultSelection;
}

/** Which of `names` have their values encrypted; the function takes `undefined` for comments, which belong to no name. */
export function selectionOf(
  { unencryptedSuffix, encryptedSuffix, unencryptedRegex, encryptedRegex }: Selection,
  names: readonly string[],
  place: string,
): (name: string | undefined) => boolean {
  if (unencryptedSuffix !== undefined) return (name) => name === undefined || !name.endsWith(unencryptedSuffix);
  if (encryptedSuffix !== undefined) return (name) => name !== undefined && name.endsWith(encryptedSuffix);
  const matches = goMatches(unencryptedRegex ?? encryptedRegex ?? "", names, place);
  if (unencryptedRegex !== undefined) return (name) => name === undefined || !matches.has(name);
  return (name) => name !== undefined && matches.has(name);
}
