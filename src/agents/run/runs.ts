import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Engine, EngineInfo, ImageInfo } from "../../engine/engine.ts";
import { NovaError, quote, type ErrorCode } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { checkSessionID } from "../../model/names.ts";
import { INIT_LABEL, INIT_OWN, PROTOCOL_LABEL, PROTOCOL_VERSION } from "../../model/markers.ts";
import type { ContainerInput, ContainerOutput } from "../../model/protocol.ts";
import type { RunRecord } from "../../model/run.ts";
import { readGroups } from "../groups/registry.ts";
import type { Home } from "../home/home.ts";
import { prepareFolders, prepareHome } from "../home/prepare.ts";
import { redactor } from "../protocol/redact.ts";
import { TurnQueue, type Turn } from "../turns/turns.ts";
import type { Presence } from "../turns/presence.ts";
import { containerSpec } from "./container.ts";
import { converse, type Conversation } from "./conversation.ts";
import { renderLog } from "./log.ts";
import { writeLog } from "./log-file.ts";
import { planRun, type PlanContext, type RunPlan } from "./plan.ts";
import { writeRecord } from "./records.ts";
import { removeWhenBack } from "./remains.ts";
import { settle, type Settlement } from "./settle.ts";

/** The largest prompt, in bytes of UTF-8. */
export const PROMPT_LIMIT_BYTES: number = 16 * 1024 * 1024;
export const DEFAULT_MAX_CONTAINERS = 5;
/** What of a very long result or error stands in the run's record; the caller gets all of it. */
const recordedBytes = 64 * 1024;
/** What an engine says of itself hardly changes; after this it is asked again. */
const infoAgeMs = 60_000;

export interface RunRequest {
  readonly group: Group;
  readonly prompt: string;
  readonly sessionId?: string;
  readonly isScheduledTask?: boolean;
  /** Stops the run (or its wait for a turn) when it aborts. */
  readonly signal?: AbortSignal;
  /** Each answer as it comes, the last one too. */
  onOutput?(output: ContainerOutput): void;
}

export interface RunResult {
  readonly record: RunRecord;
  /** The last answer, whole. */
  readonly result: string | null;
  /** The error's code when the run did not succeed. */
  readonly code: ErrorCode | null;
}

export interface RunsOptions {
  readonly home: Home;
  readonly engine: Engine;
  readonly presence: Presence;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly host: PlanContext["host"];
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** The runs of one home on one engine: one container for each group at a time, a bounded number in all, others in order. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #queues = new Map<string, TurnQueue>();
  readonly #all: TurnQueue;
  readonly #ending = new AbortController();
  readonly #cleaning = new Set<Promise<void>>();
  #info: { readonly value: EngineInfo; readonly at: number } | undefined;

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#all = this.#queue("all", maxContainers(options.env));
  }

  /** The group's next container, decided but not made. */
  async plan(group: Group): Promise<RunPlan> {
    const { home, engine, env, host } = this.#options;
    const [info, groups] = await Promise.all([this.#engineInfo(), readGroups(home)]);
    return await planRun(group, {
      home,
      groups,
      capabilities: engine.capabilities,
      engine: info,
      env,
      host,
    });
  }

  /**
   * Answers a prompt in a container of the group's own. Rejects with a NovaError, with nothing created, when the request or
   * the set-up is wrong; a run that was begun always resolves, with the outcome that it had.
   */
  async run(request: RunRequest): Promise<RunResult> {
    checkRequest(request);
    const { plan, image, turn } = await this.#enter(request);
    const lostRuns: string[] = [];
    try {
      const place = await this.#all.take(request.signal);
      try {
        const isStale = turn.waited || place.waited;
        return await this.#begin(
          request,
          isStale ? await this.plan(request.group) : plan,
          isStale ? await this.#findImage() : image,
          lostRuns,
        );
      } finally {
        await place.release();
      }
    } finally {
      await this.#release(turn, lostRuns);
    }
  }

  /** Ends what goes on in the background. Runs are not stopped by it: abort their signals first. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#cleaning);
  }

  /**
   * Takes the group's turn, in the order of the calls, and plans meanwhile: the errors of a plan must not wait until other
   * runs are over.
   */
  async #enter(request: RunRequest): Promise<{ plan: RunPlan; image: ImageInfo; turn: Turn }> {
    const givingUp = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, givingUp.signal]) : givingUp.signal;
    const taking = this.#queue(`group-${request.group.folder.toLowerCase()}`, 1).take(signal);
    const planning = Promise.all([this.plan(request.group), this.#findImage()]);
    const [taken, planned] = await Promise.allSettled([
      taking,
      planning.catch((thrown: unknown) => {
        givingUp.abort();
        throw thrown;
      }),
    ]);
    if (planned.status === "rejected") {
      if (taken.status === "fulfilled") await taken.value.release();
      throw planned.reason;
    }
    if (taken.status === "rejected") throw taken.reason;
    return { plan: planned.value[0], image: planned.value[1], turn: taken.value };
  }

  async #begin(request: RunRequest, plan: RunPlan, image: ImageInfo, lostRuns: string[]): Promise<RunResult> {
    const { home, engine, presence, logger } = this.#options;
    const startedAtMs = (this.#options.now ?? Date.now)();
    const id = randomBytes(6).toString("hex");
    const nonce = image.labels[PROTOCOL_LABEL] === PROTOCOL_VERSION ? randomBytes(24).toString("base64url") : null;
    const input: ContainerInput = {
      prompt: request.prompt,
      ...(request.sessionId === undefined ? {} : { sessionId: request.sessionId }),
      groupFolder: plan.group.folder,
      chatJid: plan.group.jid,
      isMain: plan.group.isMain,
      isScheduledTask: request.isScheduledTask ?? false,
      ...(nonce === null ? {} : { nonce, agent: plan.agent }),
    };
    await prepareHome(home, plan.group, plan.user, plan.variables);
    if (plan.group.isMain)
      await prepareFolders(
        home,
        (await readGroups(home)).map((group) => group.folder),
        plan.user,
      );
    const ownInit = image.labels[INIT_LABEL] === INIT_OWN;
    const spec = { ...containerSpec(plan, home, { id, host: presence.id, startedAtMs }), ownInit };
    const log = logger.child({ group: plan.group.folder, run: id, containerName: spec.name });
    log.info({ mountCount: spec.mounts.length, isMain: plan.group.isMain, engine: engine.name }, "Spawning container agent");
    let warned = false;
    const conversation = await converse({
      engine,
      spec,
      input: Buffer.from(JSON.stringify(input)),
      nonce,
      timeoutMs: plan.timeoutMs,
      graceMs: plan.graceMs,
      ...(request.signal ? { signal: request.signal } : {}),
      onOutput(output) {
        try {
          request.onOutput?.(output);
        } catch (thrown) {
          log.error({ err: thrown }, "The receiver of an answer failed");
        }
      },
      // Once: a container may print millions of them, and their number is in the record.
      onSuspicious() {
        if (!warned) log.warn("A frame without this run's nonce was not taken");
        warned = true;
      },
    });
    if (conversation.lost) {
      lostRuns.push(id);
      this.#info = undefined;
    }
    return await this.#finish(plan, input, conversation, { id, startedAtMs, container: spec.name, log });
  }

  /** Settles the run, and writes its log and its record; neither failing to be written changes the outcome. */
  async #finish(
    plan: RunPlan,
    input: ContainerInput,
    conversation: Conversation,
    run: { readonly id: string; readonly startedAtMs: number; readonly container: string; readonly log: Logger },
  ): Promise<RunResult> {
    const { home, engine, env } = this.#options;
    // The nonce is over with the run, but its frames stand in the log of stdout.
    const redact = redactor(
      new Map([...plan.variables, ...(input.nonce === undefined ? [] : [["NONCE", input.nonce] as const])]),
    );
    const settled = settle(conversation, plan);
    const error = settled.error === null ? null : redact(settled.error);
    const startedAt = new Date(run.startedAtMs).toISOString();
    const text = renderLog({
      plan,
      runID: run.id,
      engine: engine.name,
      container: run.container,
      startedAt,
      durationMs: conversation.durationMs,
      outcome: settled.outcome,
      exitCode: conversation.exitCode,
      error,
      input,
      stdout: conversation.stdout,
      stderr: conversation.stderr,
      verbose: isVerbose(env),
      redact,
    });
    const logFile = await writeLog(home, plan.group, startedAt, text).catch((thrown: unknown) => {
      run.log.error({ err: thrown }, "The run's log could not be written");
      return null;
    });
    const record: RunRecord = {
      id: run.id,
      group: plan.group.folder,
      jid: plan.group.jid,
      engine: engine.name,
      image: plan.image,
      container: run.container,
      startedAt,
      durationMs: conversation.durationMs,
      outcome: settled.outcome,
      exitCode: conversation.exitCode,
      sessionId: input.sessionId ?? null,
      newSessionId: conversation.last?.newSessionId ?? null,
      result: cut(redact(conversation.last?.result ?? "")) || null,
      error: error === null ? null : cut(error),
      promptBytes: Buffer.byteLength(input.prompt),
      frames: conversation.frames,
      suspiciousFrames: conversation.suspicious,
      brokenFrames: conversation.broken,
      stdoutBytes: conversation.stdout.totalBytes,
      stderrBytes: conversation.stderr.totalBytes,
      stdoutTruncated: conversation.stdout.truncated,
      stderrTruncated: conversation.stderr.truncated,
      logFile,
    };
    await writeRecord(home, record).catch((thrown: unknown) =>
      run.log.error({ err: thrown }, "The run's record could not be written"),
    );
    this.#tell(record, settled, redact(conversation.stderr.tail(500)), run.log);
    return { record, result: conversation.last?.result ?? null, code: settled.code };
  }

  #tell(record: RunRecord, settled: Settlement, stderr: string, log: Logger): void {
    const facts = { outcome: settled.outcome, code: record.exitCode, duration: record.durationMs, logFile: record.logFile };
    if (record.stdoutTruncated) log.warn("Container stdout truncated due to size limit");
    if (record.stderrTruncated) log.warn("Container stderr truncated due to size limit");
    if (settled.outcome === "success") log.info(facts, "Container agent answered");
    else log.error({ ...facts, error: record.error, stderr }, "Container agent did not answer");
  }

  /** A group whose container may still be there keeps its turn until the engine is back and the container is gone. */
  async #release(turn: Turn, lostRuns: readonly string[]): Promise<void> {
    const [runID] = lostRuns;
    if (runID === undefined) return await turn.release();
    const { engine, home } = this.#options;
    const cleaning = removeWhenBack(engine, home, runID, this.#ending.signal)
      .then(() => turn.release())
      .catch(() => undefined)
      .finally(() => this.#cleaning.delete(cleaning));
    this.#cleaning.add(cleaning);
  }

  async #engineInfo(): Promise<EngineInfo> {
    const now = (this.#options.now ?? Date.now)();
    if (!this.#info || now - this.#info.at > infoAgeMs) this.#info = { value: await this.#options.engine.probe(), at: now };
    return this.#info.value;
  }

  async #findImage(): Promise<ImageInfo> {
    const reference = this.#options.env["NOVABOT_AGENT_IMAGE"] || "novabot-agent:latest";
    const image = await this.#options.engine.findImage(reference);
    if (image) return image;
    throw new NovaError("IMAGE_NOT_FOUND", `The engine ${this.#options.engine.name} has no image ${quote(reference)}.`, {
      place: reference,
      next: "Build it with `novabot image build agent`.",
    });
  }

  #queue(name: string, capacity: number): TurnQueue {
    let queue = this.#queues.get(name);
    if (!queue) {
      queue = new TurnQueue(join(this.#options.home.host, "turns", name), capacity, this.#options.presence);
      this.#queues.set(name, queue);
    }
    return queue;
  }
}

/** `NOVABOT_MAX_CONTAINERS`, or 5. */
export function maxContainers(env: Readonly<Record<string, string | undefined>>): number {
  const text = env["NOVABOT_MAX_CONTAINERS"];
  if (text === undefined || text === "") return DEFAULT_MAX_CONTAINERS;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1000) return value;
  throw new NovaError("USAGE", `NOVABOT_MAX_CONTAINERS is ${quote(text)}.`, {
    place: "NOVABOT_MAX_CONTAINERS",
    next: "Set it to a whole number from 1 to 1000.",
  });
}

function checkRequest(request: RunRequest): void {
  if (request.prompt.trim() === "") {
    throw new NovaError("PROMPT_INVALID", "The prompt is empty.", {
      place: "PROMPT",
      next: "Write a prompt, or - to read it from stdin.",
    });
  }
  const bytes = Buffer.byteLength(request.prompt);
  if (bytes > PROMPT_LIMIT_BYTES) {
    throw new NovaError("PROMPT_INVALID", `The prompt is ${bytes} bytes long; the limit is ${PROMPT_LIMIT_BYTES}.`, {
      place: "PROMPT",
      next: "Put what is long into a file of the group's folder and name the file in the prompt.",
    });
  }
  if (request.sessionId !== undefined) checkSessionID(request.sessionId, "--session");
}

function isVerbose(env: Readonly<Record<string, string | undefined>>): boolean {
  return env["LOG_LEVEL"] === "debug" || env["LOG_LEVEL"] === "trace";
}

function cut(text: string): string {
  return text.length > recordedBytes ? `${text.slice(0, recordedBytes)}…` : text;
}
