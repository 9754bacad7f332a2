import { homedir } from "node:os";
import { fileStart, refuse, Refusal } from "./problem.ts";
import { getMap, withEntry, scalar } from "./build.ts";
import { checkConsistency } from "./consistency.ts";
import { networkDeclarations, volumeDeclarations } from "./declarations.ts";
import { normalize } from "./defaults.ts";
import { projectEnvironment } from "./environment.ts";
import type { Environment } from "./environment.ts";
import { finish } from "./finish.ts";
import { directoryOf, loadFiles } from "./load.ts";
import { projectName } from "./name.ts";
import type { MapNode } from "./node.ts";
import { activeProfiles, isActive } from "./profiles.ts";
import type { ComposeProblem, ComposeProject, ProjectRequest, ReadProject, Service } from "./project.ts";
import { serviceOf } from "./service.ts";
import { Sources } from "./sources.ts";

/**
 * Reads a project as `docker compose config` does: the same files, variables, merging and refusals. Nothing is fetched, and nothing that a file holds
 * makes it throw: what Compose would refuse is told as problems.
 */
export async function readProject(request: ProjectRequest): Promise<ReadProject> {
  const sources = new Sources();
  const problems: ComposeProblem[] = [];
  try {
    const project = await load(request, sources, problems);
    return { project, problems, files: sources.files };
  } catch (error) {
    return { project: undefined, problems: [...problems, ...refusals(error, request)], files: sources.files };
  }
}

function refusals(error: unknown, request: ProjectRequest): readonly ComposeProblem[] {
  if (error instanceof Refusal) return error.problems;
  // Only a stack that ran out is a file's doing; everything else is a mistake of this program.
  if (!(error instanceof RangeError)) throw error;
  const at = fileStart(request.files[0] ?? "");
  return [
    { unreadable: true, kind: "too-complex", message: "the file is nested too deep to be read", next: "write it flatter", at },
  ];
}

async function load(request: ProjectRequest, sources: Sources, problems: ComposeProblem[]): Promise<ComposeProject> {
  if (request.files.length === 0) {
    refuse("file-missing", fileStart(request.directory ?? ""), "no Compose file is named", "make a compose.yaml");
  }
  const directory = request.directory ?? directoryOf(request.files);
  const given = await projectEnvironment(request, directory);
  const parsed = [];
  for (const file of request.files) parsed.push(await sources.parse(file, fileStart(file)));
  const name = projectName(request.name, given, parsed, directory);
  const environment: Environment = new Map([...given, ["COMPOSE_PROJECT_NAME", name]]);
  const loaded = await loadFiles(request.files, {
    directory,
    base: directory,
    home: request.environment["HOME"] ?? homedir(),
    environment,
    sources,
    problems,
    including: [],
  });
  if (loaded.entries.size === 0)
    refuse("schema", fileStart(request.files[0] ?? directory), "the Compose file is empty", "begin with `services:`");
  const named = withEntry(loaded, "name", scalar(name, loaded.entries.get("name")?.value.at ?? loaded.at));
  const document = finish(normalize(named, name, (variable) => environment.get(variable)));
  const project = projectOf(document, name, directory, activeProfiles(request, environment), sources);
  checkConsistency(project);
  return project;
}

function projectOf(
  document: MapNode,
  name: string,
  directory: string,
  profiles: readonly string[],
  sources: Sources,
): ComposeProject {
  const services = new Map<string, Service>();
  const inactive = new Map<string, Service>();
  for (const [key, entry] of getMap(document, "services")?.entries ?? []) {
    if (entry.value.kind !== "map") continue;
    const service = serviceOf(key, entry.key, entry.value, document);
    (isActive(service.profiles, profiles) ? services : inactive).set(key, service);
  }
  return {
    name,
    directory,
    files: sources.files,
    services,
    inactive,
    networks: networkDeclarations(document),
    volumes: volumeDeclarations(document),
    document,
  };
}
