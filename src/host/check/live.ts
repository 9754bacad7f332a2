import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openHome, type Home } from "../../agents/home/home.ts";
import { readProject } from "../../contract/compose/read.ts";
import type { ReadProject } from "../../contract/compose/project.ts";
import type { ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import { moduleNamed } from "../../contract/declaration/module-named.ts";
import type { Report, Unchecked } from "../../contract/findings/finding.ts";
import { Ignores } from "../../contract/findings/ignored.ts";
import { joinReports } from "../../contract/findings/selection.ts";
import { judgeContainer, judgeFleeting, judgeMissing, type Judgement } from "../../contract/live/judge.ts";
import type { ContainerSummary, Engine } from "../../engine/engine.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { findEngine } from "../engines/find.ts";
import { moduleVariables } from "../modules/project.ts";
import { readStanding } from "../modules/standing.ts";
import type { Environment } from "../state.ts";
import { thisHost } from "../this-host.ts";
import { agentContainers, type HomeContainer } from "./live/agents.ts";
import { expectationsOf } from "./live/expect.ts";
import { containersOf } from "./live/find.ts";
import { gather, type Held, type Surroundings } from "./live/gather.ts";
import { openProc, type Proc } from "./live/proc.ts";
import { workerSubjects } from "./live/workers.ts";
import { defaultsOf, socketsOf } from "./paper.ts";
import { findTargets, type Target, type Targets } from "./targets.ts";

export interface CheckLiveOptions {
  /** What to check, told from `cwd`, as for the check on paper. */
  readonly paths: readonly string[];
  /** Modules and workers by name, and groups of agents by folder; none is all of them. */
  readonly names?: readonly string[] | undefined;
  /** Absolute. */
  readonly cwd: string;
  /** The home, whose contract is the last resort and whose agents and workers are checked too. */
  readonly home?: string | undefined;
  readonly env: Environment;
  /** Whose env file; without it, that with which `modules up` brought a module of the home up last, else the local one. */
  readonly environmentName?: EnvironmentName | undefined;
  /** Compose profiles whose services shall run too. */
  readonly profiles?: readonly string[] | undefined;
  /** How long to wait for what is not decided yet: a log that shall grow, a health check that has just begun. */
  readonly waitMs?: number | undefined;
  /** The engine that answers, when it is left out. */
  readonly engine?: Engine | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly now?: () => number;
  readonly proc?: Proc;
}

/** Between two looks while something is not decided. */
const AGAIN_MS = 500;

/** A check of what runs that can be repeated: it remembers how long logs were. */
export interface LiveCheck {
  check(): Promise<Report>;
}

/**
 * Holds running containers to the contract. Rejects when there is nothing to check, or no engine answers; whatever else cannot be looked at
 * is told as unknown or under `unchecked`, never as kept.
 */
export async function checkLive(options: CheckLiveOptions): Promise<Report> {
  return await (await openLiveCheck(options)).check();
}

export async function openLiveCheck(options: CheckLiveOptions): Promise<LiveCheck> {
  const engine = options.engine ?? (await findEngine(options.env));
  if (!engine.observation) {
    throw new NovaError("NOT_SUPPORTED", `${quote(engine.name)} cannot be looked at: its containers are virtual machines.`, {
      next: "Check on paper (`novabot check`), or run the modules on Docker or Podman.",
    });
  }
  const now = options.now ?? Date.now;
  const around: Surroundings = {
    engine,
    observation: engine.observation,
    info: await engine.probe(),
    proc: options.proc ?? openProc(),
    marks: new Map(),
    engineSockets: socketsOf(options.env),
    now,
  };
  return {
    async check() {
      const until = performance.now() + (options.waitMs ?? 0);
      for (;;) {
        const report = await new Round(options, around).look();
        if (performance.now() >= until || options.signal?.aborted || isDecided(report)) return report;
        await sleep(AGAIN_MS, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {});
      }
    },
  };
}

/** What may come right by itself in a while: a service that starts, a log that is about to be written. */
const patient = ["running", "health", "log-file"];

function isDecided(report: Report): boolean {
  return !report.checked.some(({ rule, verdict }) => patient.includes(rule) && (verdict === "unknown" || verdict === "broken"));
}

class Round {
  readonly #options: CheckLiveOptions;
  readonly #around: Surroundings;
  readonly #ignores = new Ignores();
  readonly #reports: Report[] = [];
  readonly #at: Date;

  constructor(options: CheckLiveOptions, around: Surroundings) {
    this.#options = options;
    this.#around = around;
    this.#at = new Date(around.now());
  }

  async look(): Promise<Report> {
    const { cwd } = this.#options;
    const home = await this.#home();
    const { engine, info } = this.#around;
    const own = home
      ? [
          ...(await agentContainers(home, this.#options.env, engine, info)),
          ...(await workerSubjects(home, this.#options.env, engine, info)),
        ]
      : [];
    const targets = await this.#targets(own);
    const wanted = this.#wanted(targets, own);
    const all = await this.#around.engine.list({});
    // Logs and health are waited for, so everything is looked at side by side.
    await Promise.all([
      ...wanted.targets.map(async (target) => await this.#lookAt(target, all)),
      ...wanted.own.map(async (container) => await this.#lookAtOwn(container, home?.root ?? cwd)),
    ]);
    const root = targets.contracts.length === 1 ? (targets.contracts[0]?.root ?? cwd) : cwd;
    const joined = joinReports(root, this.#reports, this.#at);
    return { ...joined, kind: "live", unchecked: [...targets.unchecked, ...joined.unchecked] };
  }

  async #home(): Promise<Home | undefined> {
    const { home, paths } = this.#options;
    if (home === undefined || paths.length > 0 || !existsSync(home)) return undefined;
    return await openHome(home, { create: false });
  }

  /** A home without modules still has agents and workers. */
  async #targets(own: readonly HomeContainer[]): Promise<Targets> {
    const { paths, cwd, home } = this.#options;
    try {
      return await findTargets(paths, cwd, home);
    } catch (error) {
      if (own.length === 0 || !(error instanceof NovaError) || error.code !== "CONTRACT_NOT_FOUND") throw error;
      return { targets: [], unchecked: [], contracts: [] };
    }
  }

  #wanted(
    found: Targets,
    own: readonly HomeContainer[],
  ): { readonly targets: readonly Target[]; readonly own: readonly HomeContainer[] } {
    const names = this.#options.names ?? [];
    if (names.length === 0) return { targets: found.targets, own };
    const targets: Target[] = [];
    const chosen: HomeContainer[] = [];
    for (const name of names) {
      const named = own.filter((container) => container.name === name);
      chosen.push(...named);
      const [contract] = found.contracts;
      if (named.length > 0) continue;
      if (!contract)
        throw new NovaError("MODULE_NOT_FOUND", `There is no module and no agent's or worker's container ${quote(name)}.`);
      const module = moduleNamed(contract, name);
      targets.push(...found.targets.filter((target) => target.module?.name === module.name));
    }
    return { targets, own: chosen };
  }

  async #lookAt(target: Target, all: readonly ContainerSummary[]): Promise<void> {
    const { contract, module, files } = target;
    const environmentName = module ? await this.#environmentOf(target, module) : "local";
    const env = module
      ? { ...this.#options.env, ...(await moduleVariables(module, environmentName, this.#options.env, thisHost())).variables }
      : this.#options.env;
    const read = await this.#read(target, env);
    const services = read.project ? [...read.project.services.values()] : [];
    const held = module ? services.filter(({ name }) => name === module.service) : services;
    const judged: Judgement[] = [];
    const unchecked: Unchecked[] = read.problems
      .filter((problem) => problem.unreadable)
      .map(({ message, next, at }) => ({
        module: module?.name,
        message: `The Compose files cannot be read: ${message}.`,
        next,
        at,
      }));
    for (const service of held.length > 0 ? held : [undefined]) {
      const name = module?.name ?? service?.name;
      if (name === undefined) continue;
      const expected = expectationsOf(module, read.project, service, env);
      const found = containersOf(all, read.project, service, module);
      const subject: Held = { name, module, project: read.project, service, expected, environmentName, env };
      let seen = 0;
      for (const container of found) {
        const judgement = await this.#judge(container, subject, unchecked);
        if (!judgement) continue;
        seen += 1;
        judged.push(judgement);
      }
      if (seen === 0) judged.push(judgeMissing(name, service?.name, service?.at ?? module?.at, read.files.length > 0));
    }
    const commented = [...read.files, ...(contract ? [contract.source] : [])].map((file) => ({
      ...file,
      syntax: "yaml" as const,
    }));
    const left = this.#ignores.setAside(
      { findings: judged.flatMap(({ findings }) => findings), checked: judged.flatMap(({ checked }) => checked) },
      commented,
      new Map([...(read.project?.inactive ?? []), ...(read.project?.services ?? [])]),
      module,
    );
    this.#tell({
      root: contract?.root ?? dirname(files[0] ?? this.#options.cwd),
      ...left,
      unchecked,
      sources: new Map(commented.map(({ path, text }) => [path, text])),
    });
  }

  async #lookAtOwn({ container, name, expected }: HomeContainer, root: string): Promise<void> {
    const unchecked: Unchecked[] = [];
    const unplanned = typeof expected === "string";
    const held: Held = {
      name,
      module: undefined,
      project: undefined,
      service: undefined,
      expected: unplanned ? { user: undefined, mounts: [], mountsOnly: false, hardened: true, network: undefined } : expected,
      environmentName: "local",
      env: this.#options.env,
    };
    if (unplanned) {
      const next = "Register the group again, or remove the container (`novabot clean`).";
      unchecked.push({
        module: name,
        message: `The mounts of ${container.name} were not compared: ${expected}.`,
        next,
        at: undefined,
      });
    }
    // They come and go: one that has ended meanwhile has nothing left to check.
    const judgement = await this.#judge(container, held, unchecked);
    if (judgement) this.#tell({ root, ...judgement, ignored: [], unchecked, sources: new Map() });
  }

  /** Undefined when it is gone. */
  async #judge(container: ContainerSummary, held: Held, unchecked: Unchecked[]): Promise<Judgement | undefined> {
    const subject = await gather(container.id, held, this.#around);
    if (subject === undefined) return undefined;
    if (typeof subject === "string") {
      unchecked.push({
        module: held.name,
        message: `${container.name} could not be looked at: ${subject}.`,
        next: "Look at its log, then check again.",
        at: undefined,
      });
      return judgeFleeting(held.name, subject);
    }
    if (subject.container.running && !subject.kernel.known) {
      unchecked.push({
        module: held.name,
        message: `What the kernel says of ${container.name} is not known: ${subject.kernel.reason}.`,
        next: "Check as root on the machine that the engine runs on.",
        at: undefined,
      });
    }
    return judgeContainer(subject, this.#around.now());
  }

  /** A module that came up with `--env prod` is held to those secrets, as the other commands do. */
  async #environmentOf({ contract }: Target, module: ContractModule): Promise<EnvironmentName> {
    const { environmentName, home } = this.#options;
    if (environmentName !== undefined) return environmentName;
    if (home === undefined || contract === undefined || !existsSync(home)) return "local";
    if ((await realpath(contract.root)) !== (await realpath(home))) return "local";
    const standing = await readStanding(await openHome(home, { create: false }), module);
    return standing?.facts.environment ?? "local";
  }

  async #read({ module, files }: Target, environment: Environment): Promise<ReadProject> {
    if (!files.some((file) => existsSync(file))) return { project: undefined, problems: [], files: [] };
    const { profiles } = this.#options;
    return await readProject({
      files,
      environment,
      ...(module ? { defaults: defaultsOf(module) } : {}),
      ...(profiles?.length ? { profiles } : {}),
    });
  }

  #tell(part: Pick<Report, "root" | "findings" | "ignored" | "unchecked" | "checked" | "sources">): void {
    this.#reports.push({ kind: "live", at: this.#at, ...part });
  }
}
