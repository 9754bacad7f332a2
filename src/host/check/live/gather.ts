import type { ComposeProject, Service } from "../../../contract/compose/project.ts";
import type { ContractModule, EnvironmentName } from "../../../contract/declaration/contract.ts";
import { known, unknown, type KernelFacts, type Known } from "../../../contract/live/kernel-facts.ts";
import type { EnvFileFacts, Expectations, LiveSubject } from "../../../contract/live/subject.ts";
import type { Engine, EngineInfo } from "../../../engine/engine.ts";
import type { ContainerDescription, Observation } from "../../../engine/observation.ts";
import { NovaError, messageOf } from "../../../model/errors.ts";
import type { Environment } from "../../state.ts";
import { readEnvFile } from "./env-files.ts";
import { askHealth } from "./health.ts";
import { readEngineSockets, readHostListeners, readKernel } from "./kernel.ts";
import { readLog, type LogMarks } from "./log-file.ts";
import { readPaths, realPaths } from "./paths.ts";
import type { Proc } from "./proc.ts";

/** The outside world of one check, and what it keeps from round to round. */
export interface Surroundings {
  readonly engine: Engine;
  readonly observation: Observation;
  readonly info: EngineInfo;
  readonly proc: Proc;
  readonly marks: LogMarks;
  /** Sockets of engines that are known besides the usual ones. */
  readonly engineSockets: readonly string[];
  now(): number;
}

/** What a container is held to. */
export interface Held {
  readonly name: string;
  readonly module: ContractModule | undefined;
  readonly project: ComposeProject | undefined;
  readonly service: Service | undefined;
  readonly expected: Expectations;
  /** Whose env file a module has that declares none in its Compose file. */
  readonly environmentName: EnvironmentName;
  /** What Compose's env files may refer to. */
  readonly env: Environment;
}

/** How often a container that changes while it is looked at is looked at again. */
const ROUNDS = 3;

/** Everything of one container. A string says why it could not be had; undefined is a container that is gone. */
export async function gather(id: string, held: Held, around: Surroundings): Promise<LiveSubject | string | undefined> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await around.observation.describe(id);
    if (!before) return undefined;
    const subject = await gatherOnce(before, held, around);
    const after = await around.observation.describe(id);
    if (!after) return undefined;
    // The same process from beginning to end: a number that was used again would be another's.
    if (after.pid === before.pid && after.startedAtMs === before.startedAtMs && after.running === before.running) return subject;
  }
  return `its container was started again ${ROUNDS} times while it was looked at`;
}

async function gatherOnce(container: ContainerDescription, held: Held, around: Surroundings): Promise<LiveSubject> {
  const { module, service, expected } = held;
  const { observation, proc, info } = around;
  const kernel = await readKernelOf(container, around);
  const listeners = kernel.known ? readHostListeners(proc, container) : kernel;
  const sockets = [info.endpoint, ...around.engineSockets, ...readEngineSockets(proc)];
  const reference = service?.image?.value;
  return {
    ...held,
    container,
    kernel,
    paths: { ...readPaths(kernel, expected.mounts, sockets, proc.root), real: realPaths(bindSources(container, service)) },
    image: await attempt(async () => {
      const image = await observation.describeImage(reference ?? container.imageID);
      return image ? known(image) : unknown(`the engine has no image ${reference ?? container.imageID} any more`);
    }),
    network: await attempt(async () =>
      known(expected.network === undefined ? undefined : await observation.findNetwork(expected.network)),
    ),
    exposures: await exposuresOf(container, module, around, kernel),
    envFiles: await envFilesOf(container, held),
    log:
      module?.log === undefined
        ? unknown("none is declared")
        : readLog(module.log, expected.mounts, around.marks, container.id, around.now()),
    health:
      module?.health && container.running ? await askHealth(module, container, reachable(kernel, info)) : unknown("not asked"),
    listeners,
  };
}

function bindSources(container: ContainerDescription, service: Service | undefined): string[] {
  const declared = (service?.mounts ?? []).flatMap(({ kind, source }) => (kind === "bind" && source ? [source.value] : []));
  return [...declared, ...container.mounts.flatMap(({ kind, source }) => (kind === "bind" ? [source] : []))];
}

async function readKernelOf(
  container: ContainerDescription,
  { engine, observation, info, proc }: Surroundings,
): Promise<Known<KernelFacts>> {
  if (!container.running) return unknown("it does not run");
  if (process.platform !== "linux" || !info.sharesKernel)
    return unknown(`${info.product} runs on a kernel of its own, which cannot be looked at from here`);
  try {
    return await readKernel(proc, container, await observation.processes(container.id), info.shiftsIDs);
  } catch (error) {
    if (error instanceof NovaError && error.code === "CONTAINER_NOT_FOUND") return unknown("the container went away");
    if (error instanceof NovaError && error.code === "ENGINE_REFUSED")
      return unknown(`${engine.name} does not tell its processes: ${messageOf(error)}`);
    throw error;
  }
}

/** Ports are published in the engine's own network, which may be another than this process's. */
function reachable(kernel: Known<KernelFacts>, info: EngineInfo): Known<true> {
  if (!info.sharesKernel || !kernel.known) return known(true);
  // This process's and the engine's, which come last; one that may not be read is left out.
  const [self, engine] = kernel.value.hostNamespaces.net?.slice(-2) ?? [];
  if (engine === undefined || self === engine) return known(true);
  return unknown("the engine publishes ports in another network than the one that this command runs in");
}

/** The last file that names a variable gives its value, and the Compose file's own `environment` goes before all of them. */
async function envFilesOf(
  container: ContainerDescription,
  { module, service, environmentName, env }: Held,
): Promise<EnvFileFacts[]> {
  const overridden = new Set(service?.environment.keys());
  const declared = (service?.envFiles ?? []).map(({ path, at, required }) => ({ path: path.value, at, required }));
  if (declared.length === 0 && module) declared.push({ path: module.envFiles[environmentName], at: module.at, required: true });
  const found: EnvFileFacts[] = [];
  for (const { path, at, required } of declared.toReversed()) {
    const { facts, names } = await readEnvFile(path, at, container, overridden, env);
    for (const name of names) overridden.add(name);
    if (facts.found !== null || required) found.unshift(facts);
  }
  return found;
}

/** A short value, `true` or a number, stands in many places without being anybody's secret. */
const SECRET_LENGTH = 8;

/** Secrets that the contract declares, by the value that the container has. What is compared stays in here. */
async function exposuresOf(
  container: ContainerDescription,
  module: ContractModule | undefined,
  { observation, proc }: Surroundings,
  kernel: Known<KernelFacts>,
): Promise<LiveSubject["exposures"]> {
  const values = container.env.flatMap((one) => {
    const [name, value] = [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)];
    return value.length >= SECRET_LENGTH && module?.secrets.some((secret) => secret.name === name) ? [{ name, value }] : [];
  });
  if (values.length === 0) return known([]);
  const image = await attempt(async () => {
    const found = await observation.describeImage(container.imageID);
    return found ? known(found) : unknown("its image is gone");
  });
  if (!image.known) return image;
  const processes = kernel.known ? kernel.value.processes : [];
  const places = [
    { place: "the image's environment", texts: image.value.env },
    { place: "the image's history", texts: image.value.history },
    { place: "the image's labels", texts: Object.values(image.value.labels) },
    { place: "the container's labels", texts: Object.values(container.labels) },
    { place: "the container's command", texts: [...container.entrypoint, ...container.command] },
    ...processes.map(({ pid }) => ({ place: `the arguments of process ${pid}`, texts: [proc.read(`${pid}/cmdline`) ?? ""] })),
  ];
  return known(
    values.flatMap(({ name, value }) =>
      places.filter(({ texts }) => texts.some((text) => text.includes(value))).map(({ place }) => ({ name, place })),
    ),
  );
}

async function attempt<T>(asking: () => Promise<Known<T>>): Promise<Known<T>> {
  try {
    return await asking();
  } catch (error) {
    if (error instanceof NovaError && (error.code === "IMAGE_NOT_FOUND" || error.code === "ENGINE_REFUSED"))
      return unknown(messageOf(error));
    throw error;
  }
}
