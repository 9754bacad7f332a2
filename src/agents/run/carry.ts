import { performance } from "node:perf_hooks";
import type { Logger } from "pino";
import type { Engine } from "../../engine/engine.ts";
import type { ContainerMode } from "../../model/group.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import type { Door } from "../gateway/door.ts";
import type { Home } from "../home/home.ts";
import type { Ready } from "./container.ts";
import { converse, type Conversation } from "./conversation.ts";
import { FollowUps } from "./follow-ups.ts";
import { containerInput, takesFollowUps } from "./input.ts";
import type { LiveContainer } from "./live-container.ts";
import { reportRun, type RunResult } from "./report.ts";
import type { RunRequest } from "./request.ts";

/** One run, from the moment when its container waits for input. */
export interface Carrying {
  readonly id: string;
  readonly request: RunRequest;
  readonly ready: Ready;
  readonly container: LiveContainer;
  /** The container serves many runs. */
  readonly kept: boolean;
  readonly door: Door | null;
  /** How the container was come by. */
  readonly mode: ContainerMode;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** The same moment by the clock that never jumps. */
  readonly begunAt: number;
  /** The caller's signal, and other processes'. */
  readonly signal: AbortSignal;
}

/** Gives the container the run's input, carries its answers and follow-ups, and writes down how it ended. */
export async function carry(
  run: Carrying,
  context: { readonly home: Home; readonly engine: Engine; readonly logger: Logger; readonly verbose: boolean },
): Promise<{ readonly result: RunResult; readonly conversation: Conversation }> {
  const { id, request, ready, container, kept, door } = run;
  const { home, engine, logger, verbose } = context;
  const { plan } = ready;
  const visit = door && plan.gateway ? door.admit({ id, plan: plan.gateway, secrets: plan.secrets }) : null;
  const followUps = new FollowUps(home, plan.group.folder, plan.user, id);
  const accepted = new Set<string>();
  let firstAnswerMs: number | null = null;
  const tell = guarded(logger);

  const onOutput = (output: ContainerOutput): void => {
    if (output.result !== null) firstAnswerMs ??= performance.now() - run.begunAt;
    for (const taken of output.accepted ?? []) {
      if (!followUps.has(taken) || accepted.has(taken)) continue;
      accepted.add(taken);
      tell(() => request.onAccepted?.(taken));
    }
    if (output.result !== null || output.final === true) tell(() => request.onOutput?.(output));
  };
  let traffic = null;
  let input;
  let conversation;
  try {
    input = containerInput(request, ready, id, visit);
    conversation = await converse(engine, container, {
      input: Buffer.from(`${JSON.stringify(input)}\n`),
      run: id,
      kept,
      nonce: input.nonce ?? null,
      timeoutMs: plan.timeoutMs,
      graceMs: plan.graceMs,
      signal: run.signal,
      onBegun: () =>
        tell(() =>
          request.onLive?.({ id, takesFollowUps: takesFollowUps(ready), hand: async (message) => await followUps.hand(message) }),
        ),
      onOutput,
    });
  } finally {
    traffic = visit?.end() ?? null;
    await followUps.end().catch((thrown: unknown) => logger.error({ err: thrown }, "Follow-ups could not be taken back"));
  }
  const ended = {
    id,
    startedAtMs: run.startedAtMs,
    durationMs: Math.round(performance.now() - run.begunAt),
    plan,
    input,
    conversation,
    container: container.name,
    engine: engine.name,
    mode: run.mode,
    request,
    firstAnswerMs: firstAnswerMs === null ? null : Math.round(firstAnswerMs),
    traffic,
    accepted: [...accepted],
  };
  return { result: await reportRun(home, ended, { verbose, logger }), conversation };
}

/** Calls the caller's own functions, whose errors are not the run's. */
function guarded(logger: Logger): (call: () => void) => void {
  return (call) => {
    try {
      call();
    } catch (thrown) {
      logger.error({ err: thrown }, "The receiver of an answer failed");
    }
  };
}
