import { join } from "node:path";
import { stat } from "node:fs/promises";
import type { Place } from "../source/place.ts";
import { DotenvError, parseDotenv } from "./dotenv.ts";
import type { ProjectRequest } from "./project.ts";
import { fileStart, refuse } from "./problem.ts";
import { readBounded } from "./sources.ts";
import type { Lookup } from "./template.ts";
import { TemplateError } from "./template.ts";

export type Environment = ReadonlyMap<string, string>;

/** The variables of a project: the caller's environment over `.env` over the defaults. */
export async function projectEnvironment(request: ProjectRequest, directory: string): Promise<Environment> {
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(request.environment)) if (value !== undefined) given.set(name, value);
  const files = request.envFiles ?? (await defaultFile(directory));
  const made = new Map(Object.entries(request.defaults ?? {}));
  for (const [name, value] of await readEnvFiles(files, given)) made.set(name, value);
  for (const [name, value] of given) made.set(name, value);
  return made;
}

async function defaultFile(directory: string): Promise<readonly string[]> {
  const path = join(directory, ".env");
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isDirectory() ? [path] : [];
}

/** Later files win, and see what earlier ones said. */
export async function readEnvFiles(files: readonly string[], environment: Environment): Promise<Environment> {
  const made = new Map<string, string>();
  for (const path of files) {
    const text = new TextDecoder().decode(await readBounded(path, fileStart(path)));
    const values = parseAt(text, path, (name) => environment.get(name) ?? made.get(name));
    for (const [name, value] of values) made.set(name, value);
  }
  return made;
}

function parseAt(text: string, path: string, lookup: Lookup): Environment {
  try {
    return parseDotenv(text, lookup);
  } catch (error) {
    if (error instanceof DotenvError)
      refuse("env-file", lineOf(path, error.line), `${path}:${error.line}: ${error.message}`, "mend this line");
    if (error instanceof TemplateError) refuse(error.kind, fileStart(path), `${path}: ${error.message}`, error.next);
    throw error;
  }
}

function lineOf(file: string, line: number): Place {
  return { file, line, column: 1, endLine: line, endColumn: 1 };
}
