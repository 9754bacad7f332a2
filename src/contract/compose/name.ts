import { basename } from "node:path";
import { getText } from "./build.ts";
import type { Environment } from "./environment.ts";
import { refuse } from "./problem.ts";
import type { ParsedFile } from "./sources.ts";
import { substitute, TemplateError } from "./template.ts";
import { fileStart } from "./problem.ts";

/** Compose's name for a project: the caller's, `COMPOSE_PROJECT_NAME`, the last file's `name:`, or the directory's. */
export function projectName(
  given: string | undefined,
  environment: Environment,
  files: readonly ParsedFile[],
  directory: string,
): string {
  const wanted = given ?? nonEmpty(environment.get("COMPOSE_PROJECT_NAME"));
  const at = fileStart(files[0]?.source.path ?? directory);
  if (wanted !== undefined && wanted !== "") {
    if (normalized(wanted) === wanted) return wanted;
    refuse(
      "project-name",
      at,
      `${JSON.stringify(wanted)} cannot be a project's name`,
      "use small letters, digits, hyphens and underscores",
    );
  }
  const name = normalized(writtenName(files, environment)) || normalized(basename(directory));
  if (name === "") refuse("project-name", at, `no name can be made of ${JSON.stringify(directory)}`, "add `name:` to the file");
  return name;
}

function writtenName(files: readonly ParsedFile[], environment: Environment): string {
  let name = "";
  for (const file of files) {
    for (const { root } of file.documents) name = nonEmpty(getText(root, "name")) ?? name;
  }
  try {
    return substitute(name, (variable) => environment.get(variable)).text;
  } catch (error) {
    if (error instanceof TemplateError)
      refuse(error.kind, fileStart(files[0]?.source.path ?? ""), `name: ${error.message}`, error.next);
    throw error;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function normalized(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");
}
