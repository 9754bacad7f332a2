import type { Identity } from "../identity.ts";
import type { Journal } from "../records/journal.ts";
import type { ErrorWatch } from "../errors/error-watch.ts";
import type { Instances } from "../instances/instances.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { type CallParams, callParamsSchemas, type CallResult, type WorkerCallName } from "../../model/worker-calls.ts";
import { follow } from "./follow.ts";
import { cutErrors, cutLogs, type History, joinErrors, joinLogs } from "./history.ts";
import { fieldsOf } from "./messages.ts";

/** The parts of the supervisor that can be asked. */
export interface Asked {
  readonly identity: Identity;
  readonly instances: Instances;
  readonly journal: Journal;
  readonly errors: ErrorWatch;
  /** Of the door for collectors and terminals; null where there is none. */
  readonly doorPort: number | null;
  /** Whether somebody collects the records right now. */
  readonly linked: () => boolean;
}

/** Who asks. */
export interface Asker {
  /** What somebody else keeps of this container's records; null while nobody collects, and for the collector itself. */
  readonly history: () => History | null;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Takes one part of what follows; resolves when there is room for the next. */
  readonly part: (part: unknown) => Promise<void>;
}

/** Answers a call by its name. Rejects with CALL_INVALID, or as the part that was asked does. */
export type Dispatch = (name: string, params: unknown, asker: Asker) => Promise<unknown>;

type Answers = { readonly [Name in WorkerCallName]: (params: CallParams<Name>, asker: Asker) => Promise<CallResult<Name>> };

/** How long an instance may take to come up when the asker does not say. */
const START_TIMEOUT_MS = 60_000;

export function createDispatch(asked: Asked): Dispatch {
  const { identity, instances, journal, errors } = asked;
  const answers: Answers = {
    "supervisor.info": async () => ({
      version: identity.version,
      pid: process.pid,
      worker: identity.worker,
      container: identity.container,
      bootID: identity.bootID,
      startedAtMs: identity.bootedAtMs,
      linked: asked.linked(),
      rssBytes: process.memoryUsage.rss(),
    }),
    "process.start": async ({ spec, wait, timeoutMs }, { signal }) => {
      if (spec.port !== null && spec.port === asked.doorPort)
        throw new NovaError(
          "INSTANCE_INVALID",
          `port ${spec.port} is the worker's own door, and ${quote(spec.id)} cannot have it`,
          {
            place: spec.id,
            next: "Give it another port, or set NOVABOT_WORKER_PORT in the container.",
          },
        );
      const status = await instances.start(spec);
      return wait === undefined ? status : instances.wait(spec.id, wait, timeoutMs ?? START_TIMEOUT_MS, signal);
    },
    "process.stop": ({ id, graceMs }) => instances.stop(id, graceMs),
    "process.restart": ({ id }) => instances.restart(id),
    "process.remove": async ({ id }) => {
      await instances.remove(id);
      return {};
    },
    "process.status": async ({ id }) => instances.status(id),
    "process.list": async () => ({ instances: instances.list() }),
    "process.wait": ({ id, for: condition, timeoutMs }, { signal }) => instances.wait(id, condition, timeoutMs, signal),
    "errors.list": async (query, asker) => {
      const here = errors.list(query);
      const there = await asker.history()?.ask("errors.list", query);
      return cutErrors(there ? joinErrors(here, there, query) : here);
    },
    "errors.stats": async ({ instances: some }) => errors.stats(some),
    "errors.clear": async ({ instances: some }) => ({ cleared: errors.clear(some) }),
    "logs.get": async (query, asker) => {
      const here = await journal.query(query);
      // What is here is the newest there is; the history is asked only for what lies before it.
      const history = here.incomplete && here.records.length < query.limit ? asker.history() : null;
      const there = await history?.ask("logs.get", query);
      return cutLogs(there ? joinLogs(here, there, query) : here, query);
    },
    "logs.list": async () => ({ instances: journal.summaries() }),
    "logs.stats": ({ instances: some }) => journal.stats(some),
    "logs.clear": async ({ instances: some }) => ({ cleared: journal.clear(some) }),
    "records.follow": async (params, asker) => {
      await follow(journal, params, asker);
      return {};
    },
  };
  return async (name, params, asker) => {
    if (!Object.hasOwn(answers, name)) {
      throw new NovaError("CALL_INVALID", `there is no call ${quote(name)}`, {
        next: `Calls are ${Object.keys(answers).join(", ")}.`,
      });
    }
    return answerOf(answers, name as WorkerCallName, params, asker);
  };
}

async function answerOf<Name extends WorkerCallName>(
  answers: Answers,
  name: Name,
  params: unknown,
  asker: Asker,
): Promise<CallResult<Name>> {
  const read = callParamsSchemas[name].safeParse(params);
  if (!read.success) {
    // A wrong spec is an instance's matter, whoever sent it.
    const code = name === "process.start" ? "INSTANCE_INVALID" : "CALL_INVALID";
    throw new NovaError(code, `the call ${name} does not take that: ${fieldsOf(read.error)}`);
  }
  return answers[name](read.data, asker);
}
