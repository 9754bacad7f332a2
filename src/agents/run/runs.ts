import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Logger } from "pino";
import type { Engine, EngineInfo, ImageInfo } from "../../engine/engine.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { INIT_LABEL, INIT_OWN, PROTOCOL_LABEL, PROTOCOL_VERSION } from "../../model/markers.ts";
import type { ContainerInput } from "../../model/protocol.ts";
import type { HostUser } from "../home/agent-user.ts";
import type { Home } from "../home/home.ts";
import { prepareHome } from "../home/prepare.ts";
import type { Presence } from "../turns/presence.ts";
import { TurnQueue, type Turn } from "../turns/turns.ts";
import { containerSpec, type RunIdentity } from "./container.ts";
import { converse } from "./conversation.ts";
import { refuseLiveWritable } from "./live-writable.ts";
import { startContainer } from "./live-container.ts";
import { DEFAULT_IMAGE, agentImage, planGroup, type RunPlan } from "./plan.ts";
import { removeAbandoned, removeWhenBack } from "./remains.ts";
import { reportRun, type RunResult } from "./report.ts";
import { checkRequest, maxContainers, type RunRequest } from "./request.ts";

/** A host that lives stops a container long before this much after its time; one that does not, cannot. */
const hostLateMs = 30_000;
/** What an engine says of itself hardly changes; after this it is asked again. */
const infoAgeMs = 60_000;

export interface RunsOptions {
  readonly home: Home;
  readonly engine: Engine;
  readonly presence: Presence;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly host: HostUser;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A run that may begin: what its container will be, and the image that it will be made from. */
interface Ready {
  readonly plan: RunPlan;
  readonly image: ImageInfo;
}

interface Begun {
  readonly result: RunResult;
  /** Nobody saw the container's end. */
  readonly mayRemain: boolean;
}

/** The runs of one home on one engine: one container for each group at a time, a bounded number in all, others in order. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #now: () => number;
  readonly #queues = new Map<string, TurnQueue>();
  readonly #maxContainers: number;
  readonly #ending = new AbortController();
  readonly #removing = new Set<Promise<void>>();
  #info: { readonly value: EngineInfo; readonly at: number } | undefined;

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#maxContainers = maxContainers(options.env);
  }

  /** The group's next container, decided but not made. */
  async plan(group: Group): Promise<RunPlan> {
    return await planGroup(group, { ...this.#options, info: await this.#engineInfo() });
  }

  /**
   * Answers a prompt in a container of the group's own. Rejects with a NovaError when the request or the set-up is wrong or
   * the container could not be started, and then leaves none; a run that was begun always resolves, with its outcome.
   */
  async run(request: RunRequest): Promise<RunResult> {
    checkRequest(request);
    const onWait = once(() => request.onWait?.());
    const { ready, turn } = await this.#enter(request, onWait);
    // The run's id, from the moment when its container is asked for until that is known to be gone.
    let remains: string | null = null;
    try {
      const place = await this.#queue("all", this.#maxContainers).take(request.signal, onWait);
      try {
        if (turn.waited || turn.afterDeath) await this.#removeAbandoned(request.group);
        const current = turn.waited || place.waited ? await this.#makeReady(request.group) : ready;
        const begun = await this.#beginAnyway(request, current, (runID) => (remains = runID));
        if (!begun.mayRemain) remains = null;
        return begun.result;
      } finally {
        await place.release();
      }
    } finally {
      if (remains === null) await turn.release();
      else this.#releaseWhenGone(turn, remains);
    }
  }

  /** Ends what goes on in the background. Runs are not stopped by it: abort their signals first. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#removing);
  }

  /**
   * Takes the group's turn, in the order of the calls, and plans meanwhile: the errors of a plan must not wait until other
   * runs are over.
   */
  async #enter(request: RunRequest, onWait: () => void): Promise<{ ready: Ready; turn: Turn }> {
    const givingUp = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, givingUp.signal]) : givingUp.signal;
    const [taken, made] = await Promise.allSettled([
      this.#queue(`group-${request.group.folder.toLowerCase()}`, 1).take(signal, onWait),
      this.#makeReady(request.group).catch((thrown: unknown) => {
        givingUp.abort();
        throw thrown;
      }),
    ]);
    if (made.status === "rejected") {
      if (taken.status === "fulfilled") await taken.value.release();
      throw made.reason;
    }
    if (taken.status === "rejected") throw taken.reason;
    return { ready: made.value, turn: taken.value };
  }

  async #makeReady(group: Group): Promise<Ready> {
    const { engine, env } = this.#options;
    const reference = agentImage(env);
    const [plan, image] = await Promise.all([this.plan(group), engine.findImage(reference)]);
    if (image) return { plan, image };
    throw new NovaError("IMAGE_NOT_FOUND", `The engine ${engine.name} has no image ${quote(reference)}.`, {
      place: reference,
      next:
        reference === DEFAULT_IMAGE ? "Build it with `novabot image build`." : "Build or pull it, or unset NOVABOT_AGENT_IMAGE.",
    });
  }

  /**
   * A part of main's home may go between its planning and its mounting, as editors' files do. What is there now is planned
   * anew, once; a refusal with another reason comes again.
   */
  async #beginAnyway(request: RunRequest, ready: Ready, onCreate: (runID: string) => void): Promise<Begun> {
    try {
      return await this.#begin(request, ready, onCreate);
    } catch (thrown) {
      const mayHaveGone = thrown instanceof NovaError && ["ENGINE_REFUSED", "MOUNT_REFUSED"].includes(thrown.code);
      if (!request.group.isMain || !mayHaveGone) throw thrown;
      return await this.#begin(request, await this.#makeReady(request.group), onCreate);
    }
  }

  async #begin(request: RunRequest, { plan, image }: Ready, onCreate: (runID: string) => void): Promise<Begun> {
    const startedAtMs = this.#now();
    const identity: RunIdentity = { id: randomBytes(6).toString("hex"), host: this.#options.presence.id, startedAtMs };
    const { home, engine, env } = this.#options;
    const nonce = image.labels[PROTOCOL_LABEL] === PROTOCOL_VERSION ? randomBytes(24).toString("base64url") : null;
    const input: ContainerInput = {
      prompt: request.prompt,
      ...(request.sessionId === undefined ? {} : { sessionId: request.sessionId }),
      groupFolder: plan.group.folder,
      chatJid: plan.group.jid,
      isMain: plan.group.isMain,
      isScheduledTask: request.isScheduledTask ?? false,
      ...(nonce === null ? {} : { nonce, agent: plan.agent, deadlineMs: plan.timeoutMs + plan.graceMs + hostLateMs }),
    };
    await refuseLiveWritable(engine, home, plan);
    await prepareHome(home, plan);
    this.#options.logger.debug(
      {
        group: plan.group.name,
        mounts: plan.mounts,
        limits: plan.limits,
        network: plan.network,
        user: plan.user,
        env: [...plan.variables.keys()],
      },
      "Home prepared",
    );
    // By its id: the name may be given to another image meanwhile, which does not keep the protocol that this one does.
    const spec = containerSpec(plan, home, identity, { id: image.id, ownInit: image.labels[INIT_LABEL] === INIT_OWN });
    const logger = this.#options.logger.child({
      group: plan.group.name,
      folder: plan.group.folder,
      run: identity.id,
      containerName: spec.name,
    });
    logger.info({ mountCount: spec.mounts.length, isMain: plan.group.isMain, engine: engine.name }, "Spawning container agent");
    const begunAt = performance.now();
    onCreate(identity.id);
    const container = await startContainer(engine, spec);
    logger.debug(
      { container: container.id, image: image.id, startMs: Math.round(performance.now() - begunAt) },
      "Container started",
    );
    const conversation = await converse(engine, container, {
      input: Buffer.from(JSON.stringify(input)),
      nonce,
      timeoutMs: plan.timeoutMs,
      graceMs: plan.graceMs,
      ...(request.signal ? { signal: request.signal } : {}),
      onOutput(output) {
        try {
          request.onOutput?.(output);
        } catch (thrown) {
          logger.error({ err: thrown }, "The receiver of an answer failed");
        }
      },
    });
    if (conversation.lost) this.#info = undefined;
    const verbose = env["LOG_LEVEL"] === "debug" || env["LOG_LEVEL"] === "trace";
    const durationMs = Math.round(performance.now() - begunAt);
    const ended = { ...identity, durationMs, plan, input, conversation, container: spec.name, engine: engine.name };
    return { result: await reportRun(home, ended, { verbose, logger }), mayRemain: conversation.exitCode === null };
  }

  /** Whoever was before may have died, or lost its engine, and left a container of this group. */
  async #removeAbandoned(group: Group): Promise<void> {
    const { engine, home, presence, logger } = this.#options;
    const removed = await removeAbandoned(engine, home, presence, group.folder);
    if (removed.length) logger.warn({ group: group.name, removed }, "Removed containers that a host which is gone had left");
  }

  /**
   * A group whose container may still be there keeps its turn until the container is gone. A host that ends before keeps the
   * ticket: the next one meets it without its owner, and removes the container itself.
   */
  #releaseWhenGone(turn: Turn, runID: string): void {
    const { engine, home } = this.#options;
    const removing = removeWhenBack(engine, home, runID, this.#ending.signal)
      .then(async (isGone) => {
        if (isGone) await turn.release();
      })
      .catch(() => undefined)
      .finally(() => this.#removing.delete(removing));
    this.#removing.add(removing);
  }

  async #engineInfo(): Promise<EngineInfo> {
    const now = this.#now();
    if (!this.#info || now - this.#info.at > infoAgeMs) this.#info = { value: await this.#options.engine.probe(), at: now };
    return this.#info.value;
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

function once(call: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    call();
  };
}
