import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Logger } from "pino";
import type { Engine, EngineInfo, ImageInfo } from "../../engine/engine.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { ContainerMode, Group } from "../../model/group.ts";
import type { Doors } from "../gateway/door.ts";
import type { HostUser } from "../home/agent-user.ts";
import type { Home } from "../home/home.ts";
import type { Berth } from "../pool/berth.ts";
import { maxWarm, poolBounds } from "../pool/bounds.ts";
import { fingerprint } from "../pool/fingerprint.ts";
import { makeContainer, removeMade, type MadeContainer } from "../pool/made-container.ts";
import { Pool } from "../pool/pool.ts";
import { WarmUps } from "../pool/warm.ts";
import type { Presence } from "../turns/presence.ts";
import { TurnQueue, type Turn } from "../turns/turns.ts";
import { carry } from "./carry.ts";
import type { Ready } from "./container.ts";
import { clearInput } from "./follow-ups.ts";
import { checkGuard, hasAbility } from "./input.ts";
import { OwnRuns } from "./live-runs.ts";
import { refuseLiveWritable } from "./live-writable.ts";
import { DEFAULT_IMAGE, agentImage, planGroup, type RunPlan } from "./plan.ts";
import { removeAbandoned, removeWhenBack } from "./remains.ts";
import type { RunResult } from "./report.ts";
import { checkRequest, maxContainers, type RunRequest } from "./request.ts";

/** What an engine says of itself hardly changes; after this it is asked again. */
const infoAgeMs = 60_000;
/** After this its answer is waited for. */
const infoTooOldMs = 600_000;
/** A run that comes later than this was not the one that was expected. */
const expectedMs = 100;

export interface RunsOptions {
  readonly home: Home;
  readonly engine: Engine;
  readonly presence: Presence;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly host: HostUser;
  /** Makes the ways out of containers; without it they have none, whatever is planned. */
  readonly doors?: Doors | null;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A run's place in both queues, and what it was decided on. */
interface Entered {
  readonly ready: Ready;
  readonly turn: Turn;
  readonly place: Turn;
}

/** A container for a run, and how it was come by. */
interface Chosen {
  readonly made: MadeContainer;
  /** Set when it outlived its making. */
  readonly berth: Berth | undefined;
  readonly mode: ContainerMode;
}

/** What a run leaves to see to when it is over. */
interface Held {
  /** The slot of its container, from the moment when that is asked for until it is known to be gone. */
  slot: string | null;
  /** It took a warm container, or would have. */
  isWarm: boolean;
}

/** The runs of one home on one engine: one container for each group at a time, a bounded number in all, others in order. */
export class Runs {
  /** The containers that wait for their next run. */
  readonly pool: Pool;
  readonly #options: RunsOptions;
  readonly #now: () => number;
  readonly #queues = new Map<string, TurnQueue>();
  readonly #maxContainers: number;
  readonly #maxWarm: number;
  readonly #warmUps: WarmUps;
  readonly #own: OwnRuns;
  readonly #ending = new AbortController();
  readonly #removing = new Set<Promise<void>>();
  #info: { readonly value: EngineInfo; readonly at: number } | undefined;
  #probing: Promise<EngineInfo> | undefined;
  /** What the engine says of the agents' image, asked for the run that is expected. */
  #expected: { readonly image: Promise<ImageInfo | undefined>; readonly at: number; isAnswered: boolean } | undefined;
  #waiting = 0;

  constructor(options: RunsOptions) {
    const { home, engine, env, logger } = options;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#maxContainers = maxContainers(env);
    this.#maxWarm = maxWarm(env);
    // Refused now, and not when the first container would wait.
    poolBounds(env, 0);
    this.pool = new Pool({
      engine,
      logger,
      now: this.#now,
      bounds: () => poolBounds(env, this.#info?.value.memoryBytes ?? 0),
      onLost: (slot) => this.#removeInBackground(slot),
    });
    this.#warmUps = new WarmUps({
      home,
      pool: this.pool,
      logger,
      now: this.#now,
      takeTurn: async (group, signal) => await this.#groupQueue(group).take(signal),
      makeReady: async (group) => await this.#makeReady(group),
      isWarm: (ready) => this.#modeFor(ready.plan.mode, ready) === "warm",
      make: async (ready) => await this.#makeAhead(ready),
      waiting: () => this.#waiting,
    });
    this.#own = new OwnRuns(home);
  }

  /** The group's next container, decided but not made. */
  async plan(group: Group): Promise<RunPlan> {
    return await planGroup(group, { ...this.#options, info: await this.#engineInfo() });
  }

  /** The group is active: a container is made ahead for its next run, in the background, if it is to have one. */
  keepWarm(group: Group): void {
    this.#warmUps.keepWarm(group);
  }

  /** A run is about to be asked for, in milliseconds: the engine is asked for the image already. */
  expect(): void {
    // Messages that come together share one answer.
    if (this.#expected?.isAnswered === false) return;
    const { engine, env } = this.#options;
    const expected = { image: engine.findImage(agentImage(env)), at: performance.now(), isAnswered: false };
    const answered = (): void => void (expected.isAnswered = true);
    // Of a failure the run is told.
    expected.image.then(answered, answered);
    this.#expected = expected;
  }

  /**
   * Answers a prompt in a container of the group's own. Rejects with a NovaError when the request or the set-up is wrong or
   * the container could not be started, and then leaves none; a run that was begun always resolves, with its outcome.
   */
  async run(request: RunRequest): Promise<RunResult> {
    checkRequest(request);
    const onWait = once(() => request.onWait?.());
    const { ready, turn, place } = await this.#enter(request, onWait);
    const held: Held = { slot: null, isWarm: false };
    try {
      try {
        if (turn.waited || turn.afterDeath) await this.#removeAbandoned(request.group);
        const current = turn.waited || place.waited ? await this.#makeReady(request.group) : ready;
        return await this.#begin(request, current, held);
      } finally {
        await place.release();
      }
    } finally {
      if (held.slot === null) await turn.release();
      else this.#removeInBackground(held.slot, turn);
      if (held.isWarm) this.keepWarm(request.group);
    }
  }

  /** Ends what goes on in the background, and every container that waits. Runs are not stopped by it: abort their signals first. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#own.close();
    await this.#warmUps.close();
    await this.pool.close();
    await Promise.all(this.#removing);
  }

  /**
   * Takes the group's turn and then a place among all, in the order of the calls, and plans meanwhile: the errors of a plan must
   * not wait until other runs are over.
   */
  async #enter(request: RunRequest, onWait: () => void): Promise<Entered> {
    const givingUp = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, givingUp.signal]) : givingUp.signal;
    const [taken, made] = await Promise.allSettled([
      this.#takeBoth(request.group, signal, onWait),
      this.#makeReady(request.group).catch((thrown: unknown) => {
        givingUp.abort();
        throw thrown;
      }),
    ]);
    if (taken.status === "fulfilled" && made.status === "fulfilled") return { ...taken.value, ready: made.value };
    if (taken.status === "fulfilled") {
      await taken.value.place.release();
      await taken.value.turn.release();
    }
    throw made.status === "rejected" ? made.reason : (taken as PromiseRejectedResult).reason;
  }

  async #takeBoth(group: Group, signal: AbortSignal, onWait: () => void): Promise<{ turn: Turn; place: Turn }> {
    const turn = await this.#groupQueue(group).take(signal, onWait);
    this.#waiting += 1;
    const taking = this.#queue("all", this.#maxContainers).take(signal, onWait);
    try {
      const [place] = await Promise.all([taking, clearInput(this.#options.home, group.folder)]);
      return { turn, place };
    } catch (thrown) {
      // The place may be taken all the same, now or when it is this one's turn: kept by nobody, it would be missing for good.
      taking.then(async (place) => await place.release()).catch(() => undefined);
      await turn.release();
      throw thrown;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #makeReady(group: Group): Promise<Ready> {
    const { engine, env } = this.#options;
    const reference = agentImage(env);
    const [plan, image] = await Promise.all([this.plan(group), this.#takeExpected() ?? engine.findImage(reference)]);
    if (image) return { plan, image };
    throw new NovaError("IMAGE_NOT_FOUND", `The engine ${engine.name} has no image ${quote(reference)}.`, {
      place: reference,
      next:
        reference === DEFAULT_IMAGE ? "Build it with `novabot image build`." : "Build or pull it, or unset NOVABOT_AGENT_IMAGE.",
    });
  }

  #takeExpected(): Promise<ImageInfo | undefined> | undefined {
    const expected = this.#expected;
    this.#expected = undefined;
    return expected && performance.now() - expected.at <= expectedMs ? expected.image : undefined;
  }

  async #begin(request: RunRequest, ready: Ready, held: Held): Promise<RunResult> {
    checkGuard(request, ready);
    const { home, engine, env, presence } = this.#options;
    const id = this.#newID();
    const begunAt = performance.now();
    const startedAtMs = this.#now();
    const { group } = ready.plan;
    const cancelling = new AbortController();
    const entry = { run: id, group: group.folder, host: presence.id, startedAt: new Date(startedAtMs).toISOString() };
    const unlist = this.#own.begin(entry, () => cancelling.abort());
    const logger = this.#options.logger.child({ group: group.name, folder: group.folder, run: id });
    const verbose = env["LOG_LEVEL"] === "debug" || env["LOG_LEVEL"] === "trace";
    let berth: Berth | undefined;
    // Its container waits for another run.
    let staying: Berth | undefined;
    let result: RunResult;
    this.pool.beginWork();
    try {
      const chosen = await this.#choose(request, ready, id, held);
      const { made, mode } = chosen;
      berth = chosen.berth;
      const spec = { containerName: made.name, mountCount: made.ready.plan.mounts.length };
      logger.info({ ...spec, mode, isMain: group.isMain, engine: engine.name }, "Container agent begins");
      const signal = request.signal ? AbortSignal.any([request.signal, cancelling.signal]) : cancelling.signal;
      const { door, kept } = made;
      const run = { id, request, ready, container: made, kept, door, mode, startedAtMs, begunAt, signal };
      const carried = await carry(run, { home, engine, logger, verbose }).catch(async (thrown: unknown) => {
        if (berth) await this.pool.remove(berth, "Its run could not begin");
        else await removeMade(engine, made);
        held.slot = null;
        throw thrown;
      });
      const { conversation } = carried;
      result = carried.result;
      if (conversation.lost) this.#info = undefined;
      if (conversation.exitCode !== null || conversation.goesOn) held.slot = null;
      if (!conversation.goesOn) await door?.close();
      if (berth && !conversation.goesOn) this.pool.forget(berth);
      // An agent that wrote frames of its own may have more of that in mind for the next run.
      else if (berth && conversation.suspicious + conversation.broken > 0)
        await this.pool.remove(berth, "Its agent wrote frames");
      else staying = berth;
    } finally {
      this.pool.endWork();
      await unlist();
    }
    if (staying) {
      await this.pool.park(staying, ready.plan.persistent);
      this.#warmUps.watch();
    }
    return result;
  }

  /** The container for a run: one that waits for just this group, or a new one. */
  async #choose(request: RunRequest, ready: Ready, id: string, held: Held): Promise<Chosen> {
    const wanted = this.#modeFor(request.mode ?? "cold", ready);
    const kept = wanted === "persistent";
    held.isWarm = wanted === "warm";
    if (wanted !== "cold") {
      const { folder } = ready.plan.group;
      const print = this.pool.has(folder) ? await fingerprint(ready, this.#options.home, kept) : undefined;
      const berth = await this.pool.take(folder, { kept, fingerprint: print, limits: ready.plan.persistent });
      if (berth?.made) {
        held.slot = berth.made.slot;
        return { made: berth.made, berth, mode: wanted };
      }
    }
    // The group was persistent until its settings were changed.
    else await this.pool.removeKept(ready.plan.group.folder);
    await this.pool.makeRoom();
    const made = await this.#makeAnyway(request, ready, id, { kept, lasting: kept }, held);
    return { made, berth: kept ? this.pool.enlist(made) : undefined, mode: kept ? "persistent" : "cold" };
  }

  /** What becomes of a mode that is asked for with this image and these settings. */
  #modeFor(mode: ContainerMode, { image }: Ready): ContainerMode {
    if (mode === "persistent" && hasAbility(image, "persistent")) return "persistent";
    return mode === "cold" || this.#maxWarm === 0 ? "cold" : "warm";
  }

  /**
   * A part of main's home may go between its planning and its mounting, as editors' files do. What is there now is planned
   * anew, once; a refusal with another reason comes again.
   */
  async #makeAnyway(
    request: RunRequest,
    ready: Ready,
    id: string,
    how: { readonly kept: boolean; readonly lasting: boolean },
    held: Held,
  ): Promise<MadeContainer> {
    const make = async (current: Ready): Promise<MadeContainer> => await this.#make(current, id, how, held);
    try {
      return await make(ready);
    } catch (thrown) {
      const mayHaveGone = thrown instanceof NovaError && ["ENGINE_REFUSED", "MOUNT_REFUSED"].includes(thrown.code);
      if (!request.group.isMain || !mayHaveGone) throw thrown;
      return await make(await this.#makeReady(request.group));
    }
  }

  /** Makes a warm container. One whose engine is lost meanwhile may be there when that is back. */
  async #makeAhead(ready: Ready): Promise<MadeContainer> {
    const id = this.#newID();
    try {
      return await this.#make(ready, id, { kept: false, lasting: true });
    } catch (thrown) {
      if (thrown instanceof NovaError && thrown.code === "ENGINE_LOST") this.#removeInBackground(id);
      throw thrown;
    }
  }

  /** Makes a container; `held` gets its slot when the engine is asked for it. */
  async #make(
    ready: Ready,
    id: string,
    how: { readonly kept: boolean; readonly lasting: boolean },
    held?: Held,
  ): Promise<MadeContainer> {
    const { home, engine, presence, logger } = this.#options;
    const { plan } = ready;
    const extra = plan.mounts.filter((mount) => mount.kind === "extra").map(({ source }) => source);
    if (extra.length) await this.pool.removeWriters(plan.group.folder, extra);
    await refuseLiveWritable(engine, home, plan);
    const begunAt = performance.now();
    const identity = { id, host: presence.id, madeAtMs: this.#now() };
    if (held) held.slot = id;
    const made = await makeContainer(ready, { home, engine, doors: this.#options.doors ?? null, identity, ...how });
    logger.debug(
      {
        group: plan.group.name,
        containerName: made.name,
        image: ready.image.id,
        mounts: plan.mounts,
        limits: plan.limits,
        network: plan.network,
        user: plan.user,
        env: [...plan.variables.keys()],
        startMs: Math.round(performance.now() - begunAt),
      },
      "Container started",
    );
    return made;
  }

  /** Whoever was before may have died, or lost its engine, and left a container of this group. */
  async #removeAbandoned(group: Group): Promise<void> {
    const { engine, home, presence, logger } = this.#options;
    const removed = await removeAbandoned(engine, home, presence, group.folder);
    if (removed.length) logger.warn({ group: group.name, removed }, "Removed containers that a host which is gone had left");
  }

  /**
   * A container that may still be there is removed as soon as its engine is back, and its group keeps its turn until then. A host
   * that ends before keeps the ticket: the next one meets it without its owner, and removes the container itself.
   */
  #removeInBackground(slot: string, turn?: Turn): void {
    const { engine, home } = this.#options;
    const removing = removeWhenBack(engine, home, slot, this.#ending.signal)
      .then(async (isGone) => {
        if (isGone) await turn?.release();
      })
      .catch(() => undefined)
      .finally(() => this.#removing.delete(removing));
    this.#removing.add(removing);
  }

  /** What is a little too old still serves, and is asked for again meanwhile. */
  async #engineInfo(): Promise<EngineInfo> {
    const now = this.#now();
    const known = this.#info;
    if (!known || now - known.at > infoAgeMs) {
      this.#probing ??= this.#options.engine
        .probe()
        .then((value) => (this.#info = { value, at: now }).value)
        .finally(() => (this.#probing = undefined));
      if (!known || now - known.at > infoTooOldMs) return await this.#probing;
      this.#probing.catch(() => (this.#info = undefined));
    }
    return known.value;
  }

  #newID(): string {
    return randomBytes(6).toString("hex");
  }

  #groupQueue(group: Group): TurnQueue {
    return this.#queue(`group-${group.folder.toLowerCase()}`, 1);
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
