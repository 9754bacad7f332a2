import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { readProject } from "../../../../src/contract/compose/read.ts";
import type { ComposeProblem, ComposeProject, ProjectRequest, ReadProject } from "../../../../src/contract/compose/project.ts";
import type { Place } from "../../../../src/contract/source/place.ts";

/** Files by their paths below a directory that goes when the test is over. */
export async function layFiles(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-compose-"));
  onTestFinished(async () => rm(directory, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

type Files = Readonly<Record<string, string | Uint8Array>>;

/** The project of `compose.yaml` and, when it is there, `override.yaml`. */
export async function read(files: Files | string, request: Partial<ProjectRequest> = {}): Promise<ReadProject> {
  const laid = typeof files === "string" ? { "compose.yaml": files } : files;
  const directory = await layFiles(laid);
  const named = ["compose.yaml", "override.yaml"].filter((file) => file in laid);
  return readProject({ files: named.map((file) => join(directory, file)), environment: {}, ...request });
}

/** The same where Compose takes the files. */
export async function readWhole(files: Files | string, request: Partial<ProjectRequest> = {}): Promise<ComposeProject> {
  const { project, problems } = await read(files, request);
  if (project === undefined) throw new Error(`refused: ${problems.map(({ message }) => message).join("; ")}`);
  return project;
}

/** `3:5-9`, with the file's name before it when it is not `compose.yaml`. */
export function shown(at: Place | undefined): string | undefined {
  if (at === undefined) return undefined;
  const file = at.file.endsWith("/compose.yaml") ? "" : `${at.file.slice(at.file.lastIndexOf("/") + 1)}:`;
  return `${file}${at.line}:${at.column}-${at.endLine === at.line ? "" : `${at.endLine}:`}${at.endColumn}`;
}

/** Each as `kind line:column`. */
export function kinds(problems: readonly ComposeProblem[]): string[] {
  return problems.map(({ kind, at }) => `${kind} ${shown(at)?.split("-", 1)[0] ?? ""}`);
}
