import type { Readable } from "node:stream";
import type { Engine, Exit } from "../../engine/engine.ts";
import { NovaError, messageOf } from "../../model/errors.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import { FrameReader, type Frame } from "../protocol/frames.ts";
import { KeptStream } from "../protocol/kept-stream.ts";
import type { LiveContainer } from "./live-container.ts";

/** Why the host ended a container itself. */
export type Interruption = "timeout" | "cancelled";

/** What one container said and how it ended; `settle` makes an outcome of it. */
export interface Conversation {
  /** Null when the container's end was never seen: it may still be there. */
  readonly exitCode: number | null;
  readonly outOfMemory: boolean;
  readonly interruption: Interruption | null;
  /** Set when the engine went away under the container. */
  readonly lost: NovaError | null;
  readonly last: ContainerOutput | null;
  readonly frames: number;
  readonly suspicious: number;
  readonly broken: number;
  /** Why the last broken frame was broken. */
  readonly brokenReason: string | null;
  readonly stdout: KeptStream;
  readonly stderr: KeptStream;
}

export interface ConversationOptions {
  /** Written to stdin, which then ends. */
  readonly input: Uint8Array;
  /** Null reads by the plain rule: every well-formed frame counts. */
  readonly nonce: string | null;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly signal?: AbortSignal;
  onOutput(output: ContainerOutput): void;
}

/** After a container's exit its last bytes are already on their way; a stream that stays open longer is not waited for. */
const drainMs = 2000;
/** A container that outlives SIGKILL by this hangs in the kernel: its run is over all the same. */
const hopelessMs = 30_000;

/**
 * Gives a container that was just started its input and reads it to its end, or ends it when the time is over or the caller
 * aborts. Never rejects: whatever happens is told in the result. The container is gone unless `exitCode` is null.
 */
export async function converse(engine: Engine, container: LiveContainer, options: ConversationOptions): Promise<Conversation> {
  const { streams } = container;
  const stdout = new KeptStream();
  const stderr = new KeptStream();
  let last: ContainerOutput | null = null;
  let brokenReason: string | null = null;
  const reader = new FrameReader({
    nonce: options.nonce,
    onFrame(frame: Frame) {
      if (frame.kind === "output") {
        last = frame.output;
        options.onOutput(frame.output);
      } else if (frame.kind === "broken") brokenReason = frame.reason;
    },
  });
  const drained = Promise.all([
    pump(streams.stdout, (chunk) => {
      stdout.push(chunk);
      reader.push(chunk);
    }),
    pump(streams.stderr, (chunk) => stderr.push(chunk)),
  ]);
  const interruptions = new Interruptions(engine, container.id, options);
  try {
    streams.stdin.end(options.input);
    const end = await Promise.race([container.exit.then(ended, unseen), interruptions.hopeless.then(() => unseen(null))]);
    if (end.exitCode !== null) await Promise.race([drained, after(drainMs)]);
    reader.end();
    return {
      ...end,
      interruption: interruptions.reason,
      last,
      frames: reader.counts.output,
      suspicious: reader.counts.suspicious,
      broken: reader.counts.broken,
      brokenReason,
      stdout,
      stderr,
    };
  } finally {
    interruptions.end();
    streams.close();
  }
}

type End = Pick<Conversation, "exitCode" | "outOfMemory" | "lost">;

function ended({ exitCode, outOfMemory }: Exit): End {
  return { exitCode, outOfMemory, lost: null };
}

/** An end that nobody saw: because the engine is lost when something was thrown, because the container hangs otherwise. */
function unseen(thrown: unknown): End {
  const isLost = thrown instanceof NovaError && thrown.code === "ENGINE_LOST";
  const lost =
    thrown === null || isLost
      ? thrown
      : new NovaError("ENGINE_LOST", `The engine could not tell how the container ended: ${messageOf(thrown)}`, {
          next: "Look at `novabot doctor`.",
          cause: thrown,
        });
  return { exitCode: null, outOfMemory: false, lost };
}

/** The timer and the caller's signal: whichever comes first stops the container, through the engine. */
class Interruptions {
  reason: Interruption | null = null;
  readonly #engine: Engine;
  readonly #id: string;
  readonly #options: ConversationOptions;
  readonly #hopeless = Promise.withResolvers<void>();
  readonly #onAbort = (): void => this.#stop("cancelled");
  #timer: NodeJS.Timeout;

  constructor(engine: Engine, id: string, options: ConversationOptions) {
    this.#engine = engine;
    this.#id = id;
    this.#options = options;
    this.#timer = setTimeout(() => this.#stop("timeout"), options.timeoutMs);
    if (options.signal?.aborted) this.#onAbort();
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Resolves when a container that was stopped should long have ended. */
  get hopeless(): Promise<void> {
    return this.#hopeless.promise;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  #stop(reason: Interruption): void {
    if (this.reason !== null) return;
    this.reason = reason;
    const { graceMs } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hopeless.resolve(), graceMs + hopelessMs);
    // When the engine cannot even stop it, `wait` tells that the engine is lost, or killing is what is left to try.
    this.#engine.stop(this.#id, graceMs).catch(() => this.#engine.kill(this.#id, "SIGKILL").catch(() => undefined));
  }
}

function pump(stream: Readable, take: (chunk: Uint8Array) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on("data", take);
  stream.once("end", resolve);
  stream.once("close", resolve);
  // A stream that breaks has ended; what ended it is told by `wait`.
  stream.on("error", () => resolve());
  return promise;
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
