import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { NovaError, messageOf, quote } from "../../../model/errors.ts";
import { HeldDirectory } from "../../home/held-directory.ts";
import type { EgressRule } from "../door.ts";
import { parseRule, ruleOf } from "./rules.ts";

const limitBytes = 256 * 1024;

const listSchema = z.strictObject({
  allow: z
    .array(
      z.union([
        z.string().min(1).max(300),
        z.strictObject({
          host: z.string().min(1).max(300),
          port: z.number().int().min(1).max(65_535).exactOptional(),
          private: z.boolean().exactOptional(),
        }),
      ]),
    )
    .max(1000),
});

/** The owner's list: `NOVABOT_EGRESS_ALLOWLIST`, or `~/.config/novabot/egress-allowlist.json`. */
export function egressListPath(env: Readonly<Record<string, string | undefined>>): string {
  const configured = env["NOVABOT_EGRESS_ALLOWLIST"];
  if (configured) return configured;
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "novabot/egress-allowlist.json");
}

/** The rules of the list at `path`; undefined when there is no file, which allows nothing. Rejects with `EGRESS_INVALID`. */
export async function readEgressList(path: string): Promise<EgressRule[] | undefined> {
  const text = await HeldDirectory.readAt(path, limitBytes).catch((thrown: unknown) => {
    throw invalid(path, messageOf(thrown), thrown);
  });
  return text === undefined ? undefined : parseEgressList(text, path);
}

/** The part of `readEgressList` that needs no file. */
export function parseEgressList(text: string, place: string): EgressRule[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw invalid(place, `it is not JSON (${messageOf(thrown)})`, thrown);
  }
  const parsed = listSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.length ? `${place}, ${issue.path.join(".")}` : place;
    throw invalid(
      where,
      issue?.code === "invalid_union"
        ? "an entry is a name, or an object with host, port and private"
        : (issue?.message ?? "not valid"),
      parsed.error,
    );
  }
  return parsed.data.allow.map((entry, index) => {
    const source = `${place}, allow.${index}`;
    return typeof entry === "string" ? parseRule(entry, source) : ruleOf(entry, source);
  });
}

function invalid(place: string, reason: string, cause: unknown): NovaError {
  return new NovaError("EGRESS_INVALID", `The list of allowed ways out ${quote(place, 400)} cannot be used: ${reason}.`, {
    place,
    next: 'Mend the file; its form is { "allow": ["api.github.com", "*.wikipedia.org:80", { "host": "nas.lan", "port": 5000, "private": true }] }.',
    cause,
  });
}
