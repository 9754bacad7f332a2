import { hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Home } from "../../agents/home/home.ts";
import type { QueueEvent } from "../../agents/queue/events.ts";
import type { Engine, EngineInfo } from "../../engine/engine.ts";
import type { Entry } from "../../model/entry.ts";
import { messageOf } from "../../model/errors.ts";
import { AgentsReport } from "../orchestrator/agents.ts";
import { takeAuditLines } from "../orchestrator/audit-lines.ts";
import { Checks } from "../orchestrator/checks.ts";
import { type Doors, openDoors } from "../orchestrator/composition.ts";
import { HomeFleet, noFleet } from "../orchestrator/fleet.ts";
import { keepUp } from "../orchestrator/upkeep.ts";
import { watchStore } from "../orchestrator/watched-store.ts";
import { Serve } from "../serve/serve.ts";
import type { Environment } from "../state.ts";
import { version } from "../version.ts";
import { mayEnter, withWorkers } from "../workers/workers.ts";
import { thisHost } from "../this-host.ts";
import { openSQLiteStore } from "../../store/sqlite/open.ts";
import { removeAddress, writeAddress } from "./address.ts";
import { type BroughtUp, registerGroups, startModules, startWorkers } from "./bring-up.ts";
import { checkDoors } from "./check-doors.ts";
import { type Config, readConfig } from "./config.ts";
import { takeUpLock } from "./lock.ts";

/** What happens in an installation that is up, for those who watch its console. */
export type UpEvent =
  | { readonly kind: "queue"; readonly event: QueueEvent }
  /** What was taken in, without lines of logs. */
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "brought up"; readonly told: BroughtUp }
  | { readonly kind: "cleaned up"; readonly containers: readonly string[] }
  /** Why the store takes nothing in; null when it does again. */
  | { readonly kind: "store"; readonly trouble: string | null };

export interface UpOptions {
  readonly home: Home;
  /** Null where none answers: then no agents, workers and modules are served. */
  readonly engine: Engine | null;
  readonly env: Environment;
  readonly logger: Logger;
  /** What of novabot.yaml shall be otherwise. */
  readonly config?: Partial<Config>;
  readonly onEvent?: (event: UpEvent) => void;
}

/** An installation that is up, until `close`. */
export interface Up {
  /** Of the page and of all doors. */
  readonly url: string;
  readonly config: Config;
  /** Where this machine's token is, with which one logs in. */
  readonly tokenFile: string;
  /** Resolves when every worker and module of the file is up or has failed. */
  readonly settled: Promise<void>;
  /** Answers that are being made. */
  live(): number;
  /** Ends in order; answers that are being made may go on until the patience ends. Workers and modules run on. */
  close(patience?: AbortSignal): Promise<void>;
}

/**
 * Brings the home's installation up. Rejects with HOME_BUSY when another process has it, with CONFIG_INVALID, with LISTEN_REFUSED, with the store's
 * codes; then nothing goes on.
 */
export async function openUp(options: UpOptions): Promise<Up> {
  const { home, engine, env, logger } = options;
  const onEvent = options.onEvent ?? (() => undefined);
  const config = { ...(await readConfig(home)), ...options.config };
  const startedAtMs = Date.now();
  // What has begun, in its order; it ends in the other.
  const undo: (() => Promise<void> | void)[] = [];
  const end = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed())
      await Promise.resolve(step()).catch((error: unknown) =>
        logger.error({ reason: messageOf(error) }, "a part of the installation did not end in order"),
      );
  };
  try {
    const lock = await takeUpLock(home);
    undo.push(async () => await lock.release());
    // What is there is of a process that was killed.
    await removeAddress(home);
    await checkDoors(config);
    const info = engine === null ? null : await engine.probe();
    const opened = await openSQLiteStore({
      file: join(home.root, "store", "orchestrator.db"),
      bounds: config.retention,
    });
    undo.push(async () => await opened.close());
    const { store, trouble } = watchStore(opened, (why) => {
      if (why !== null) logger.error({ reason: why }, "the store takes nothing in");
      onEvent({ kind: "store", trouble: why });
    });
    undo.push(
      store.listen((entries) => {
        const told = entries.filter(({ kind }) => kind !== "log");
        if (told.length > 0) onEvent({ kind: "entries", entries: told });
      }),
    );
    await store.endTerminals(startedAtMs, "the orchestrator ended");
    undo.push(keepUp({ home, store, logger, retention: config.retention, history: config.history }));
    for (const told of await registerGroups(home, config.groups)) onEvent({ kind: "brought up", told });

    const parts = { home, store, logger };
    const report = await AgentsReport.open({ ...parts, engine: engine && info ? { engine, info } : null });
    undo.push(async () => await report.close());
    const serve = engine === null ? null : await openServe(options, engine, report, onEvent);
    undo.push(async () => await serve?.close());
    const agents = serve ? report.attach(serve) : null;
    undo.push(await takeAuditLines(home, store, logger));
    const checks =
      engine === null
        ? null
        : await Checks.open({ ...parts, engine, env, version: version(), checkEveryMs: config.checkEveryMs });
    undo.push(async () => await checks?.close());
    const doors = await openDoors({
      ...{ ...parts, config, agents, checks },
      fleet: engine && info ? fleetOf(home, engine, info, logger) : noFleet,
      house: () => ({
        version: version(),
        home: home.root,
        pid: process.pid,
        startedAtMs,
        engine: engine?.name ?? null,
        storeTrouble: trouble(),
      }),
    });
    undo.push(async () => await doors.close());
    await writeAddress(home, addressOf(doors, config, startedAtMs));
    undo.push(async () => await removeAddress(home));

    const stopping = new AbortController();
    const settled = bringUp(options, config, onEvent, stopping.signal);
    let closing: Promise<void> | undefined;
    const close = async (patience: AbortSignal): Promise<void> => {
      stopping.abort();
      await settled;
      // The doors stay open until the last answer is there: whoever waits for it sees it come.
      await serve?.close(patience);
      await end();
    };
    return {
      url: doors.url,
      config,
      tokenFile: doors.tokenFile,
      settled,
      live: () => serve?.status().groups.filter(({ live }) => live).length ?? 0,
      close: async (patience = AbortSignal.abort()) => {
        if (closing) await serve?.close(patience);
        await (closing ??= close(patience));
      },
    };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

async function openServe(
  { home, env, logger }: UpOptions,
  engine: Engine,
  report: AgentsReport,
  onEvent: (event: UpEvent) => void,
): Promise<Serve> {
  return await Serve.open({
    ...{ home, engine, env, logger },
    onEvent(event) {
      report.take(event);
      onEvent({ kind: "queue", event });
    },
    onCleanUp(containers) {
      if (containers.length > 0) onEvent({ kind: "cleaned up", containers });
    },
  });
}

function fleetOf(home: Home, engine: Engine, info: EngineInfo, logger: Logger): HomeFleet {
  return new HomeFleet({ workers: { home, engine, info, mayEnter: mayEnter(thisHost()) }, logger });
}

function addressOf({ url }: Doors, { tls }: Config, startedAtMs: number): Parameters<typeof writeAddress>[1] {
  return { pid: process.pid, host: hostname(), url, certificate: tls?.cert ?? null, since: new Date(startedAtMs).toISOString() };
}

/** What the file declares beside the groups. Never rejects: one that fails is told and keeps no other from coming up. */
async function bringUp(
  { home, engine, env, logger }: UpOptions,
  { workers, modules }: Config,
  onEvent: (event: UpEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const tell = (told: BroughtUp): void => {
    if (told.result === "failed") logger.error({ ...told }, "not everything came up");
    onEvent({ kind: "brought up", told });
  };
  const note = "no engine answers";
  if (engine === null) {
    for (const { name } of workers) tell({ what: "worker", name, result: "failed", note });
    for (const name of modules) tell({ what: "module", name, result: "failed", note });
    return;
  }
  try {
    await Promise.all([
      workers.length === 0
        ? undefined
        : withWorkers({ home, engine, env }, async (opened) => await startWorkers(opened, workers, tell, signal)),
      startModules({ home, engine, env }, modules, tell, signal),
    ]);
  } catch (error) {
    logger.error({ reason: messageOf(error) }, "not everything came up");
  }
}
