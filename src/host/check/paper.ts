import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { readProject } from "../../contract/compose/read.ts";
import type { ReadProject } from "../../contract/compose/project.ts";
import type { Contract, ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import type { CheckedRule, Finding, Report, Unchecked } from "../../contract/findings/finding.ts";
import { Ignores } from "../../contract/findings/ignored.ts";
import type { CommentedFile } from "../../contract/findings/ignore-comments.ts";
import { inOrder } from "../../contract/findings/selection.ts";
import { ruleDescriptions } from "../../contract/rules/catalogue.ts";
import { toldPath } from "../../contract/report/paths.ts";
import { machineFacts } from "../../contract/rules/facts.ts";
import { checkProject } from "../../contract/rules/paper.ts";
import type { PaperFacts, PaperSubject } from "../../contract/rules/subject.ts";
import type { ImageDescription } from "../../engine/observation.ts";
import { dockerCandidates, podmanCandidates } from "../engines/sockets.ts";
import { packageRoot } from "../package-root.ts";
import type { Environment } from "../state.ts";
import type { AskForImage } from "./images.ts";
import { findTargets, type Target } from "./targets.ts";

export interface CheckPaperOptions {
  /** What to check, told from `cwd`; nothing is the contract around it, or the home's. */
  readonly paths: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** The home, whose contract is the last resort. */
  readonly home?: string | undefined;
  readonly env: Environment;
  /** Whose env file the modules are checked with; default `local`. */
  readonly environmentName?: EnvironmentName | undefined;
  readonly profiles?: readonly string[] | undefined;
  /** Without it, what an image says of itself is unknown. */
  readonly askForImage?: AskForImage | undefined;
  readonly now?: () => Date;
}

/** What one check on paper says, and the directories in which its files may be mended. */
export interface PaperCheck {
  readonly report: Report;
  readonly roots: readonly string[];
}

/**
 * Holds Compose files, Dockerfiles and images to the contract without running anything. Rejects only when there is nothing to check at all;
 * whatever a file holds is a finding, or stands under `unchecked`.
 */
export async function checkPaper(options: CheckPaperOptions): Promise<Report> {
  return (await checkPaperWithin(options)).report;
}

/** The same, for who mends what was found. */
export async function checkPaperWithin(options: CheckPaperOptions): Promise<PaperCheck> {
  const found = await findTargets(options.paths, options.cwd, options.home);
  const check = new Check(options);
  for (const contract of found.contracts) check.sources.set(contract.source.path, contract.source.text);
  for (const target of found.targets) await check.look(target);
  const at = options.now?.() ?? new Date();
  return { report: check.report(rootOf(found.targets, options.cwd), at, found.unchecked), roots: [...check.roots] };
}

/** Each service may have a dozen findings, and all of them are kept until they are told. */
const MOST_SERVICES = 20_000;

const nothing: ReturnType<typeof checkProject> & { readonly dockerfiles: readonly { path: string; text: string }[] } = {
  findings: [],
  checked: [],
  dockerfiles: [],
};

type Neighbour = PaperSubject["others"][number];

class Check {
  readonly sources = new Map<string, string>();
  readonly roots = new Set<string>();
  readonly #options: CheckPaperOptions;
  readonly #images = new Map<string, ImageDescription | undefined>();
  readonly #projects = new Map<string, Promise<ReadProject>>();
  readonly #ignores = new Ignores();
  #findings: readonly Finding[] = [];
  #ignored: Report["ignored"] = [];
  readonly #unchecked: Unchecked[] = [];
  #checked: readonly CheckedRule[] = [];

  constructor(options: CheckPaperOptions) {
    this.#options = options;
  }

  async look(target: Target): Promise<void> {
    const { contract, module, files } = target;
    const read = await this.#read(target);
    const others = await this.#others(contract, module);
    const held = isTooLarge(read) ? nothing : await this.#hold(target, read, others);
    const { dockerfiles } = held;
    const name = module?.name ?? toldPath(files[0] ?? "", this.#options.cwd);
    const findings = held.findings.map((finding) => (module ? finding : { ...finding, module: name }));
    const checked = held.checked.map((one) => (module ? one : { ...one, module: name }));
    const commented: CommentedFile[] = [
      ...read.files.map((file) => ({ ...file, syntax: "yaml" as const })),
      ...(contract ? [{ ...contract.source, syntax: "yaml" as const }] : []),
      ...dockerfiles.map((file) => ({ ...file, syntax: "dockerfile" as const })),
    ];
    for (const { path, text } of commented) this.sources.set(path, text);
    this.roots.add(contract?.root ?? read.project?.directory ?? dirname(files[0] ?? this.#options.cwd));
    const services = new Map([...(read.project?.inactive ?? []), ...(read.project?.services ?? [])]);
    const left = this.#ignores.setAside({ findings, checked }, commented, services, module);
    this.#findings = [...this.#findings, ...left.findings];
    this.#ignored = [...this.#ignored, ...left.ignored];
    this.#checked = [...this.#checked, ...left.checked];
    this.#noteUnread(name, read);
  }

  report(root: string, at: Date, unchecked: readonly Unchecked[]): Report {
    const findings = [...this.#findings, ...this.#ignores.complaints(ruleDescriptions.map(({ id }) => id))];
    const secrets = [...findings, ...this.#ignored.map(({ finding }) => finding)].filter(
      ({ rule, quotable }) => rule === "secret-values" && quotable === undefined,
    );
    return {
      kind: "paper",
      at,
      root,
      findings: inOrder(findings),
      ignored: this.#ignored,
      unchecked: [...unchecked, ...this.#unchecked],
      checked: this.#checked,
      sources: this.sources,
      secret: secrets
        .flatMap((finding) => [finding.at, ...(finding.related ?? []).map(({ at: place }) => place)])
        .filter((place) => place !== undefined),
    };
  }

  /** A project is read once, however often another one asks for it. */
  async #read({ contract, module, files }: Target): Promise<ReadProject> {
    // What is not there at all is for the rule that says so.
    if (!files.length || (module && !files.some((file) => existsSync(file))))
      return { project: undefined, problems: [], files: [] };
    const { env, environmentName = "local", profiles } = this.#options;
    const key = JSON.stringify([contract?.source.path, module?.name, files]);
    const known = this.#projects.get(key);
    if (known) return await known;
    const reading = readProject({
      files,
      environment: module ? { ...env, RUNTIME_ENV_FILE: relative(module.folder, module.envFiles[environmentName]) } : env,
      ...(module ? { defaults: defaultsOf(module) } : {}),
      ...(profiles ? { profiles } : {}),
    });
    this.#projects.set(key, reading);
    return await reading;
  }

  async #others(contract: Contract | undefined, module: ContractModule | undefined): Promise<Neighbour[]> {
    if (!contract || !module) return [];
    const others: Neighbour[] = [];
    for (const other of contract.modules) {
      if (other.name === module.name) continue;
      const { project } = await this.#read({ contract, module: other, files: other.composeFiles });
      if (project) others.push({ module: other, project });
    }
    return others;
  }

  /** The rules say which images they need to know; they are asked for, and the rules go again, until nothing new is wanted. */
  async #hold(
    { contract, module }: Target,
    { project, problems, files }: ReadProject,
    others: readonly Neighbour[],
  ): Promise<typeof nothing> {
    const { env, environmentName = "local", askForImage } = this.#options;
    for (;;) {
      const wanted = new Set<string>();
      const dockerfiles = new Map<string, string>();
      const machine = machineFacts(new Map(), socketsOf(env), (folder) => existsSync(join(packageRoot(), folder)));
      const facts: PaperFacts = {
        ...machine,
        image: (reference) => {
          if (!this.#images.has(reference)) wanted.add(reference);
          return this.#images.get(reference);
        },
        read: (path) => {
          const file = machine.read(path);
          if (file) dockerfiles.set(file.path, file.text);
          return file;
        },
      };
      const held = checkProject({ project, problems, files, contract, module, environmentName, others, facts });
      if (!wanted.size || !askForImage) {
        return { ...held, dockerfiles: [...dockerfiles].map(([path, text]) => ({ path, text })) };
      }
      const answers = await mapLimited([...wanted], 8, async (reference) => [reference, await askForImage(reference)] as const);
      for (const [reference, image] of answers) this.#images.set(reference, image);
    }
  }

  #noteUnread(name: string, { project, problems }: ReadProject): void {
    const note = (message: string, next: string): void => {
      this.#unchecked.push({ module: name, message, next, at: undefined });
    };
    if (!project && problems.length) {
      note(
        "It could not be held to the contract: Compose would refuse its files.",
        "Mend what is told of the files, then check again.",
      );
    }
    if (!project) return;
    const count = project.services.size + project.inactive.size;
    if (!count) note("There is no service in it to hold to the contract.", "See that it is the file that you meant.");
    if (count > MOST_SERVICES) {
      note(
        `It has ${count} services, and no more than ${MOST_SERVICES} are held to the contract.`,
        "Part it into several projects.",
      );
    }
  }
}

function isTooLarge({ project }: ReadProject): boolean {
  return project !== undefined && project.services.size + project.inactive.size > MOST_SERVICES;
}

/** As `Promise.all` over `values`, at most `limit` of them at a time. */
async function mapLimited<T, R>(values: readonly T[], limit: number, use: (value: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < values.length; at += limit) {
    results.push(...(await Promise.all(values.slice(at, at + limit).map(use))));
  }
  return results;
}

/** What the contract gives to variables that nobody set. */
export function defaultsOf({ network, user }: ContractModule): Record<string, string> {
  return {
    ...(network.default === undefined ? {} : { [network.variable]: network.default }),
    ...(user.variables ? { [user.variables.uid]: String(user.uid), [user.variables.gid]: String(user.gid) } : {}),
  };
}

export function socketsOf(env: Environment): string[] {
  return [...dockerCandidates(env), ...podmanCandidates(env)].flatMap((one) => ("socket" in one ? [one.socket] : []));
}

/** The one contract's root, or the one project's directory; of several, where the command was given. */
function rootOf(targets: readonly Target[], cwd: string): string {
  const roots = new Set(targets.map(({ contract, files }) => contract?.root ?? dirname(files[0] ?? cwd)));
  const [only] = roots;
  return roots.size === 1 && only !== undefined ? only : cwd;
}
