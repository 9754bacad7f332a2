import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import type { Report } from "../../contract/findings/finding.ts";
import { exitStatus } from "../../contract/findings/severity.ts";
import { formatReport } from "../../contract/report/format.ts";
import type { Engine } from "../../engine/engine.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { CheckView, ModuleView } from "../../model/kept.ts";
import type { HouseChecks, Logger } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";
import { checkLive } from "../check/live.ts";
import { viewModules } from "../modules/modules.ts";
import type { Environment } from "../state.ts";
import { moduleStates } from "./module-states.ts";
import { pause } from "./pause.ts";
import { ToldToStore } from "./told-to-store.ts";

export interface ChecksOptions {
  readonly home: Home;
  readonly engine: Engine;
  readonly env: Environment;
  readonly store: Store;
  readonly logger: Logger;
  readonly version: string;
  /** From one live check of the contract to the next; null for none but those that are asked for. */
  readonly checkEveryMs: number | null;
  readonly modulesEveryMs?: number;
}

const MODULES_EVERY_MS = 5000;
/** What has just been started may still come right. */
const WAIT_MS = 3000;
/** Health checks that have begun and logs that have not grown need a while. */
const FIRST_CHECK_MS = 30_000;

/** Looks at the home's modules and holds what runs to the contract, now and then and when it is asked. */
export class Checks implements HouseChecks {
  readonly #options: ChecksOptions;
  readonly #into: ToldToStore;
  readonly #over = new AbortController();
  readonly #running: Promise<unknown>;
  #known: readonly ModuleView[] = [];
  #checking: Promise<CheckView> | null = null;

  private constructor(options: ChecksOptions, known: readonly ModuleView[]) {
    this.#options = options;
    this.#into = new ToldToStore(options.store, options.logger);
    this.#known = known;
    this.#running = Promise.all([this.#watchModules(), this.#checkNowAndThen()]);
  }

  static async open(options: ChecksOptions): Promise<Checks> {
    return new Checks(options, await options.store.modules());
  }

  /** As they are now. Rejects with `NOT_SUPPORTED` for an engine that Compose does not speak to, with ENGINE_LOST where it does not answer. */
  async modules(): Promise<readonly ModuleView[]> {
    const { home, engine, env } = this.#options;
    if (!existsSync(join(home.root, "contract.yaml"))) return this.#take([]);
    const view = await viewModules({ home, engine, env, say: () => undefined });
    const before = new Map(this.#known.map(({ module, state }) => [module, state]));
    return this.#take((await moduleStates(view, before)).map((now) => ({ ...now, sinceMs: Date.now() })));
  }

  /** Makes a live check, or waits for the one that is being made. Rejects as `checkLive` does. */
  async check(): Promise<CheckView> {
    this.#checking ??= this.#check().finally(() => (this.#checking = null));
    return await this.#checking;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#running;
    await this.#into.close();
  }

  /** Keeps what is new, tells of what changed, and gives each with the time since when it is as it is. */
  #take(found: readonly ModuleView[]): readonly ModuleView[] {
    const before = new Map(this.#known.map((view) => [view.module, view]));
    const now = found.map((view) => {
      const last = before.get(view.module);
      return last && last.state === view.state ? { ...view, sinceMs: last.sinceMs } : view;
    });
    if (JSON.stringify(now) === JSON.stringify(this.#known)) return now;
    this.#known = now;
    this.#into.put(async (store) => await store.putModules(now));
    for (const { module, state, why } of now)
      if (before.get(module)?.state !== state) this.#into.tell({ event: { type: "module", module, state, why } });
    return now;
  }

  async #watchModules(): Promise<void> {
    let told: string | undefined;
    while (!this.#over.signal.aborted) {
      try {
        await this.modules();
        told = undefined;
      } catch (error) {
        const reason = messageOf(error);
        if (reason !== told) this.#options.logger.warn({ reason }, "the modules cannot be looked at");
        told = reason;
      }
      await pause(this.#options.modulesEveryMs ?? MODULES_EVERY_MS, this.#over.signal);
    }
  }

  async #checkNowAndThen(): Promise<void> {
    const { checkEveryMs, logger } = this.#options;
    if (checkEveryMs === null) return;
    await pause(Math.min(FIRST_CHECK_MS, checkEveryMs), this.#over.signal);
    while (!this.#over.signal.aborted) {
      // A home without modules, agents and workers has nothing to check.
      await this.check().catch((error: unknown) =>
        logger.info({ reason: messageOf(error) }, "no check of the contract was made"),
      );
      await pause(checkEveryMs, this.#over.signal);
    }
  }

  async #check(): Promise<CheckView> {
    const { home, engine, env } = this.#options;
    const { signal } = this.#over;
    const report = await checkLive({ paths: [], cwd: home.root, home: home.root, env, engine, waitMs: WAIT_MS, signal });
    if (signal.aborted) throw new NovaError("RUN_CANCELLED", "The check was not ended: NovaBot is being stopped.");
    const view = viewOf(report, this.#options.version);
    const { outcome, broken, unknown } = view;
    this.#into.put(async (store) => await store.putCheck(view));
    this.#into.tell({ atMs: view.atMs, event: { type: "check", broken, unknown, why: outcome } });
    return view;
  }
}

function viewOf(report: Report, version: string): CheckView {
  const status = exitStatus(report);
  return {
    atMs: report.at.getTime(),
    outcome: status === 0 ? "kept" : status === 1 ? "broken" : "could not check",
    broken: report.findings.filter(({ severity }) => severity === "error").length,
    unknown: report.checked.filter(({ verdict }) => verdict === "unknown").length + report.unchecked.length,
    report: JSON.parse(formatReport(report, "json", { version })) as unknown,
  };
}
