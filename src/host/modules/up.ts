import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { UNDECIDED } from "../../contract/live/answers.ts";
import type { EnvironmentName } from "../../contract/declaration/contract.ts";
import type { Finding, Report } from "../../contract/findings/finding.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import { redactor } from "../../agents/protocol/redact.ts";
import { findIdentities } from "../../secrets/age/identities.ts";
import { openSecrets, valuesOf } from "../../secrets/file/secrets-file.ts";
import { logsCommand, upCommand } from "../compose/command.ts";
import type { ResolvedProject } from "../compose/resolved.ts";
import { runCompose } from "../compose/run.ts";
import { materializeModule } from "../secrets/materialize.ts";
import { beginAttempt, endAttempt, readAttempt } from "./attempt.ts";
import { containersOf, type ModuleContainer, observationOf, refuseStrangers } from "./containers.ts";
import { prepareFolders } from "./folders.ts";
import { waitForHealth } from "./health.ts";
import { ensureImages } from "./image.ts";
import { endLeftCompose, removeLeftFiles } from "./left-compose.ts";
import { ensureNetwork } from "./network.ts";
import { type ModuleProject, resolveProject } from "./project.ts";
import { type Before, rollBack, type RolledBack, withTag } from "./roll-back.ts";
import {
  forgetImage,
  hashReadOnly,
  keepStanding,
  keptName,
  type KeptFile,
  readKeptFile,
  readStanding,
  restoreTime,
} from "./standing.ts";
import type { Modules } from "./modules.ts";

export interface UpOptions {
  /** A module that breaks the contract starts all the same. */
  readonly force: boolean;
  /** How long a module may take to become healthy. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How long what comes right by itself may take after a module is healthy: a first line in its log. */
const SETTLE_MS = 10_000;
const SETTLING = ["health", "log-file", "running"];
/** What comes right when the container is made anew, and what Compose does not see: it goes by its files alone. */
const MENDED_ANEW = ["drift", "env-file-fresh", "network"];

/** What became of one module. */
export interface ModuleStarted {
  readonly module: string;
  readonly environment: EnvironmentName;
  /** `unchanged` is one that ran already as it should. */
  readonly result: "started" | "unchanged";
  readonly containers: readonly { readonly name: string; readonly id: string }[];
  /** What `--force` did not let count; warnings and advice. */
  readonly findings: readonly Finding[];
  readonly forced: boolean;
  readonly notes: readonly string[];
}

/** A start that failed, with what became of the module: its message tells both. */
export class StartFailed extends NovaError {
  readonly rolledBack: RolledBack;
  /** It broke the contract, and went on because of `--force`. */
  readonly forced: boolean;

  constructor(error: NovaError, module: string, rolledBack: RolledBack, forced: boolean, log: string) {
    super(error.code, [error.message, ...(log === "" ? [] : ["Its last words:", log]), told(module, rolledBack)].join("\n"), {
      ...(error.place === undefined ? {} : { place: error.place }),
      next: error.next,
      facts: { ...error.facts, module, rolledBack: rolledBack.result, notes: rolledBack.notes },
      cause: error,
    });
    this.rolledBack = rolledBack;
    this.forced = forced;
  }
}

function told(module: string, { result, notes }: RolledBack): string {
  const sentences = {
    untouched: `${module} runs on as it did before.`,
    "brought back": `${module} was brought back to what ran before.`,
    "nothing ran before": `${module} did not run before, and does not run now.`,
    "not brought back": `${module} could not be brought back to what ran before.`,
    "not known": `Whether ${module} runs now is not known; the next \`novabot modules up\` sees to it.`,
  };
  return [sentences[result], ...notes.map((note) => `  ${note}`)].join("\n");
}

/**
 * Brings one module to what its files say: secrets, network, folders, images, check on paper, start, health, check of what runs. Rejects
 * with `StartFailed` when something went wrong; then what ran before runs.
 */
export async function startModule(modules: Modules, project: ModuleProject, options: UpOptions): Promise<ModuleStarted> {
  const { engine, home } = modules;
  const { module, environment } = project;
  refuseStrangers(await containersOf(engine, project), project, home);
  await endLeftCompose(project.selection, (line) => modules.say(`${module.name}: ${line}`), options.signal);
  const containers = await containersOf(engine, project);
  const killed = await readAttempt(home, module);
  const running = killed ?? containers.filter((one) => one.running);
  const envFile = await readKeptFile(module.envFiles[environment]);
  const standing = await readStanding(home, module);
  await removeLeftFiles(module.folder, ...(standing ? [standing.directory] : []));
  const before: Before = { running, standing, envFile };
  const change = new Start(modules, project, before, { containers, killed: killed !== undefined }, options);
  await beginAttempt(home, module, running);
  try {
    const started = await change.run();
    await endAttempt(home, module);
    return started;
  } catch (thrown) {
    const error = options.signal.aborted ? interrupted(module.name) : asNovaError(thrown);
    const ended = error.code === "MODULE_FAILED" || error.code === "COMPOSE_FAILED";
    const log = change.begun && ended && !options.signal.aborted ? await change.lastWords() : "";
    modules.say(`${module.name}: rolling back.`);
    const rolledBack = await rollBack(project, before, { ...options, ...modules, redact: change.redact });
    // As long as nobody knows what runs, the next one goes by what ran now.
    if (rolledBack.result !== "not known") await endAttempt(home, module).catch(() => undefined);
    throw new StartFailed(error, module.name, rolledBack, change.forced, log);
  }
}

function interrupted(module: string): NovaError {
  return new NovaError("MODULE_FAILED", `The start of ${module} was interrupted.`, { next: "Run `novabot modules up` again." });
}

function asNovaError(thrown: unknown): NovaError {
  return thrown instanceof NovaError ? thrown : new NovaError("MODULE_FAILED", messageOf(thrown), { cause: thrown });
}

/** What was found of the module when the change began. */
interface Found {
  readonly containers: readonly ModuleContainer[];
  /** An earlier change was killed: what there is may be its half. */
  readonly killed: boolean;
}

class Start {
  /** Compose was told to change what runs. */
  begun = false;
  /** It goes on although it breaks the contract. */
  forced = false;
  redact: (text: string) => string = (text) => text;
  readonly #modules: Modules;
  readonly #project: ModuleProject;
  readonly #before: Before;
  readonly #found: Found;
  readonly #options: UpOptions;
  readonly #notes: string[] = [];

  constructor(modules: Modules, project: ModuleProject, before: Before, found: Found, options: UpOptions) {
    this.#modules = modules;
    this.#project = project;
    this.#before = before;
    this.#found = found;
    this.#options = options;
  }

  async run(): Promise<ModuleStarted> {
    const { engine, compose, env, home } = this.#modules;
    const { module, environment, network, variables } = this.#project;
    const { signal } = this.#options;
    const envFile = await this.#materialize();
    if (network !== undefined && (await ensureNetwork(observationOf(engine), network, home)))
      this.#say(`made the network ${network}`);
    const ids = module.user.variables;
    await prepareFolders(module, {
      uid: Number((ids && variables[ids.uid]) ?? module.user.uid),
      gid: Number((ids && variables[ids.gid]) ?? module.user.gid),
      shiftsIDs: (await engine.probe()).shiftsIDs,
    });
    const resolved = await resolveProject(this.#project, compose, { signal, redact: this.redact });
    await ensureImages(this.#project, resolved, {
      engine,
      compose,
      env,
      signal,
      say: (line) => this.#say(line),
      progress: (line) => this.#modules.progress(line),
    });
    signal.throwIfAborted();
    const paper = await this.#modules.checkPaper(module, environment);
    this.#hold(paper, "before it starts");

    const readOnly = await hashReadOnly(module);
    let running = await this.#start(this.#differs(resolved, readOnly, envFile));
    let live = await this.#checkLive();
    const differs = live.findings.some(({ rule, severity }) => severity === "error" && MENDED_ANEW.includes(rule));
    if (differs && !this.forced && running.every(({ id }) => this.#ran(id))) {
      this.#say("what runs is not what its files say");
      running = await this.#start(true);
      live = await this.#checkLive();
    }
    this.#hold(live, "as it runs");
    // What nobody could look at is not kept: a port that is published where this machine does not reach, above all. The health check was asked already.
    for (const { rule, verdict, note } of live.checked) {
      if (verdict === "unknown" && note !== undefined && note !== UNDECIDED) this.#notes.push(`${rule} is not known: ${note}`);
    }
    signal.throwIfAborted();
    await this.#keep(resolved, readOnly, envFile, running);
    const isNew = running.some(({ id }) => !this.#ran(id));
    return {
      module: module.name,
      environment,
      result: isNew ? "started" : "unchanged",
      containers: running.map(({ name, id }) => ({ name, id })),
      findings: [...paper.findings, ...live.findings],
      forced: this.forced,
      notes: this.#notes,
    };
  }

  #ran(id: string): boolean {
    return this.#found.containers.some((one) => one.id === id && one.running);
  }

  /** Lets Compose bring the module up, and gives its containers when it is healthy. */
  async #start(recreate: boolean): Promise<ModuleContainer[]> {
    const { engine, compose } = this.#modules;
    const { selection, variables } = this.#project;
    const { timeoutMs, signal } = this.#options;
    this.begun = true;
    const runs = this.#found.containers.some(({ running }) => running);
    this.#say(recreate ? "starting with what has changed" : runs ? "seeing whether it is as its files say" : "starting");
    await runCompose(compose, selection, upCommand(recreate), {
      variables,
      signal,
      redact: this.redact,
      onLine: (line) => this.#modules.progress(line),
    });
    return await waitForHealth(engine, this.#project, { timeoutMs, signal });
  }

  /** The check of what runs, again while all that is broken may come right by itself. */
  async #checkLive(): Promise<Report> {
    const { module, environment } = this.#project;
    const { signal } = this.#options;
    for (const end = performance.now() + SETTLE_MS; ; await delay(300, undefined, { signal }).catch(() => undefined)) {
      const report = await this.#modules.checkLive(module, environment);
      const broken = report.findings.filter(({ severity }) => severity === "error");
      const settles = broken.length > 0 && broken.every(({ rule }) => SETTLING.includes(rule));
      if (!settles || signal.aborted || performance.now() >= end) return report;
    }
  }

  /** The last lines of the module's containers. Never rejects. */
  async lastWords(): Promise<string> {
    const { compose } = this.#modules;
    const { selection, variables } = this.#project;
    try {
      const text = stripVTControlCharacters(
        this.redact(
          await runCompose(compose, selection, logsCommand(compose.flavour, 20, false), { variables, timeoutMs: 20_000 }),
        ),
      );
      const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("Attaching to"));
      return lines
        .map((line) => `  ${line.slice(0, 400)}`)
        .slice(-20)
        .join("\n");
    } catch {
      return "";
    }
  }

  #say(line: string): void {
    this.#modules.say(`${this.#project.module.name}: ${line}`);
  }

  /**
   * Writes the env file. One that says the same as before, or as when the module came up last, has the older one's time: the container that read
   * it is no older, whoever wrote the same into it meanwhile.
   */
  async #materialize(): Promise<KeptFile | undefined> {
    const { module, environment } = this.#project;
    const { compose, env } = this.#modules;
    const target = module.envFiles[environment];
    const file = module.secretFiles[environment];
    const identities = await findIdentities(env);
    if (module.secrets.length > 0) this.redact = redactor(valuesOf((await openSecrets(file, identities)).document.rows, file));
    const { warnings } = await materializeModule(module, environment, compose, identities, {
      ...env,
      ...this.#project.variables,
    });
    this.#notes.push(...warnings);
    const { envFile: former, standing } = this.#before;
    const proven = standing?.facts.envFilePath === target ? standing.envFile : undefined;
    const now = await readKeptFile(target);
    const [oldest] = [former, proven]
      .filter((one) => one !== undefined && now?.content.equals(one.content) === true)
      .toSorted((a, b) => (a?.mtimeMs ?? 0) - (b?.mtimeMs ?? 0));
    if (oldest) await restoreTime(target, oldest);
    return await readKeptFile(target);
  }

  /** What breaks the contract; rejects with `MODULE_BROKEN` unless it is forced. */
  #hold(report: Report, when: string): void {
    const { module } = this.#project;
    const broken = report.findings.filter(({ severity }) => severity === "error");
    const unchecked = report.unchecked.map(({ message }) => message);
    if (broken.length === 0 && unchecked.length === 0) return;
    const reasons = [...broken.map(({ rule, message }) => `${rule}: ${message}`), ...unchecked];
    if (this.#options.force) {
      this.forced = true;
      this.#modules.say(`${module.name}: BREAKS THE CONTRACT ${when}, and starts because of --force:`);
      for (const reason of reasons) this.#modules.say(`  ${reason}`);
      return;
    }
    throw new NovaError(
      "MODULE_BROKEN",
      `The module ${module.name} breaks the contract ${when}.\n${reasons.map((reason) => `  ${reason}`).join("\n")}`,
      { place: module.folder, facts: { rules: [...new Set(broken.map(({ rule }) => rule))] } },
    );
  }

  /** Whether what runs must be made anew for what Compose itself does not see: the files behind read-only mounts, and the env file's bytes. */
  #differs(resolved: ResolvedProject, readOnly: Readonly<Record<string, string>>, envFile: KeptFile | undefined): boolean {
    const { standing } = this.#before;
    const runs = this.#found.containers.filter(({ running }) => running);
    if (runs.length === 0) return false;
    if (this.#found.killed) return true;
    // Made before its env file was written, by a person's own Compose for instance: what it has of it is not known.
    if (envFile && runs.some(({ createdAtMs }) => createdAtMs < envFile.mtimeMs)) return true;
    if (!standing) return false;
    const same =
      standing.config === resolved.text &&
      JSON.stringify(standing.facts.readOnly) === JSON.stringify(readOnly) &&
      (standing.envFile?.content ?? Buffer.alloc(0)).equals(envFile?.content ?? Buffer.alloc(0));
    return !same;
  }

  async #keep(
    resolved: ResolvedProject,
    readOnly: Readonly<Record<string, string>>,
    envFile: KeptFile | undefined,
    running: readonly ModuleContainer[],
  ): Promise<void> {
    const { engine, compose, home } = this.#modules;
    const { module, environment, selection } = this.#project;
    const images: Record<string, { name: string; id: string }> = {};
    for (const { service, imageID } of running) {
      images[service] = { name: withTag(resolved.services[service]?.image ?? `${selection.project}-${service}`), id: imageID };
      // A name of ours keeps the image from being tidied away while it is what to go back to.
      await observationOf(engine).tagImage(imageID, keptName(home, module.name, service));
    }
    for (const service of Object.keys(this.#before.standing?.facts.images ?? {})) {
      if (images[service] === undefined) await forgetImage(home, module, service, engine);
    }
    await keepStanding(home, module, {
      config: resolved.text,
      envFile,
      facts: {
        at: new Date().toISOString(),
        project: selection.project,
        environment,
        flavour: compose.flavour,
        envFilePath: module.envFiles[environment],
        images,
        readOnly,
        forced: this.forced,
      },
    });
  }
}
