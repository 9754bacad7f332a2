import { parseEnv } from "node:util";
import { NovaError, quote } from "../../model/errors.ts";
import { HeldDirectory } from "./held-directory.ts";
import type { Home } from "./home.ts";

/** What every agent may have of the home's `.env`; a group's `containerConfig.env` names more. */
export const defaultEnvNames: readonly string[] = ["CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"];

const limitBytes = 1024 * 1024;

/**
 * The variables of the home's `.env` whose names are in `names`, in that order. The file is read as Node reads env files:
 * `NAME=value` or `export NAME=value`, with single, double or backtick quotes, and `#` comments. Rejects with
 * `ENV_INVALID` when a wanted name stands there in a way that gives it no value.
 */
export async function readEnvFile(home: Home, names: readonly string[]): Promise<Map<string, string>> {
  const root = await HeldDirectory.open(home.root);
  let text: string | undefined;
  try {
    text = await root.read(".env", limitBytes);
  } finally {
    await root.close();
  }
  return text === undefined ? new Map() : filterEnv(text, names, home.envFile);
}

/** The part of `readEnvFile` that needs no file; `place` is the file's path for messages. */
export function filterEnv(text: string, names: readonly string[], place: string): Map<string, string> {
  const parsed = parseEnv(text.replace(/^\ufeff/, ""));
  const wanted = new Map<string, string>();
  for (const name of names) {
    const value = Object.hasOwn(parsed, name) ? parsed[name] : undefined;
    const line = findLine(text, name, value);
    if (line) throw broken(name, `${place}:${line.number}`, line.reason);
    if (value === undefined || value === "") continue;
    if (value.includes("\0")) throw broken(name, place, "holds a NUL byte, which no environment can carry");
    wanted.set(name, value);
  }
  return wanted;
}

/** The line on which `name` stands without a usable value, with the reason. */
function findLine(text: string, name: string, value: string | undefined): { number: number; reason: string } | undefined {
  const start = new RegExp(`^\\s*(?:export\\s+)?${name}\\b\\s*(=?)\\s*(["'\`]?)`);
  for (const [index, line] of text.split("\n").entries()) {
    const match = start.exec(line);
    if (!match) continue;
    if (match[1] === "" && value === undefined) return { number: index + 1, reason: "has no = after it" };
    if (match[1] === "=" && match[2] && value?.startsWith(match[2]))
      return { number: index + 1, reason: "begins a quote that does not end" };
  }
  return undefined;
}

function broken(name: string, place: string, reason: string): NovaError {
  return new NovaError("ENV_INVALID", `The variable ${name} in the env file ${reason}.`, {
    place,
    next: `Write ${name}=value on one line, and put a value with spaces, # or line breaks between quotes.`,
  });
}

/**
 * The file that a container sources: each variable as `export NAME='value'`, quoted so that a POSIX shell takes every byte
 * as it is and runs nothing.
 */
export function renderEnvFile(variables: ReadonlyMap<string, string>): string {
  let text = "";
  for (const [name, value] of variables) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new NovaError("ENV_INVALID", `${quote(name)} cannot name a variable.`);
    text += `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`;
  }
  return text;
}
