import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import { HeldDirectory } from "../home/held-directory.ts";

/** A directory below which groups may mount. */
export interface AllowedRoot {
  readonly path: string;
  readonly allowReadWrite: boolean;
  readonly description?: string;
}

/** The owner's word on what groups may mount beside their own folders. It lies outside every mount. */
export interface Allowlist {
  readonly allowedRoots: readonly AllowedRoot[];
  /** Names refused as any segment of a path, ignoring case, beside NovaBot's own. */
  readonly blockedPatterns: readonly string[];
  /** Groups other than main mount read-only, whatever they and the roots say. */
  readonly nonMainReadOnly: boolean;
}

/** Path segments that are refused whatever the allowlist says, compared without case. */
export const blockedSegments: readonly string[] = [
  ".ssh",
  ".gnupg",
  ".gpg",
  ".password-store",
  ".aws",
  ".azure",
  ".gcloud",
  ".kube",
  ".docker",
  ".config",
  ".env",
  ".netrc",
  "_netrc",
  ".npmrc",
  ".pypirc",
  ".git-credentials",
  ".pgpass",
  ".vault-token",
  ".age",
  ".sops",
  ".claude",
  ".claude.json",
  "id_rsa",
  "id_dsa",
  "id_ecdsa",
  "id_ed25519",
  "private_key",
  "credentials",
  ".secret",
  ".secrets",
  "docker.sock",
  "podman.sock",
];

const limitBytes = 256 * 1024;

const allowlistSchema = z.strictObject({
  allowedRoots: z.array(
    z.strictObject({
      path: z
        .string()
        .max(4096)
        .regex(/^(?:\/|~$|~\/)/, "must be absolute or begin with ~/"),
      allowReadWrite: z.boolean().default(false),
      description: z.string().exactOptional(),
    }),
  ),
  blockedPatterns: z
    .array(
      z
        .string()
        .min(1)
        .max(255)
        .regex(/^[^/\0]+$/, "must be the name of one path segment"),
    )
    .default([]),
  nonMainReadOnly: z.boolean().default(true),
});

/** The allowlist's path: `NOVABOT_MOUNT_ALLOWLIST`, or `~/.config/novabot/mount-allowlist.json`. */
export function allowlistPath(env: Readonly<Record<string, string | undefined>>): string {
  const configured = env["NOVABOT_MOUNT_ALLOWLIST"];
  if (configured) return configured;
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "novabot/mount-allowlist.json");
}

/** The allowlist at `path`; undefined when there is no file, which allows nothing. Rejects with `ALLOWLIST_INVALID`. */
export async function readAllowlist(path: string): Promise<Allowlist | undefined> {
  const text = await HeldDirectory.readAt(path, limitBytes).catch((thrown: unknown) => {
    throw invalid(path, messageOf(thrown), thrown);
  });
  return text === undefined ? undefined : parseAllowlist(text, path);
}

export function parseAllowlist(text: string, place: string): Allowlist {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw invalid(place, `it is not JSON (${messageOf(thrown)})`, thrown);
  }
  const parsed = allowlistSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(place, `${issue?.path.join(".") || "the document"}: ${issue?.message ?? "not valid"}`, parsed.error);
}

function invalid(place: string, reason: string, cause: unknown): NovaError {
  return new NovaError("ALLOWLIST_INVALID", `The mount allowlist ${quote(place, 400)} cannot be used: ${reason}.`, {
    place,
    next: 'Mend the file; its form is { "allowedRoots": [{ "path": "~/projects", "allowReadWrite": false }], "blockedPatterns": [], "nonMainReadOnly": true }.',
    cause,
  });
}
