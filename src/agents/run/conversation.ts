import type { Readable } from "node:stream";
import { performance } from "node:perf_hooks";
import type { Engine } from "../../engine/engine.ts";
import type { ContainerSpec } from "../../engine/spec.ts";
import { NovaError } from "../../model/errors.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import { FrameReader, type Frame } from "../protocol/frames.ts";
import { KeptStream } from "../protocol/kept-stream.ts";

/** Why the host ended a container itself. */
export type Interruption = "timeout" | "cancelled";

/** What one container said and how it ended; `settle` makes an outcome of it. */
export interface Conversation {
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
  readonly durationMs: number;
}

export interface ConversationOptions {
  readonly engine: Engine;
  readonly spec: ContainerSpec;
  /** Written to stdin, which then ends. */
  readonly input: Uint8Array;
  /** Null reads by the plain rule: every well-formed frame counts. */
  readonly nonce: string | null;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly signal?: AbortSignal;
  onOutput(output: ContainerOutput): void;
  onSuspicious(output: ContainerOutput): void;
}

/** After a container's exit its last bytes are already on their way; a stream that stays open longer is not waited for. */
const drainMs = 2000;
/** A container that outlives SIGKILL by this hangs in the kernel: its run is over all the same. */
const hopelessMs = 30_000;

/**
 * Runs one container from its making to its end. Rejects only when it could not be started; whatever happens after that
 * is told in the result. The container is gone when this settles, unless its engine is.
 */
export async function converse(options: ConversationOptions): Promise<Conversation> {
  const { engine, spec } = options;
  const id = await engine.create(spec);
  let gone = false;
  try {
    const conversation = await converseWith(id, options);
    gone = conversation.exitCode !== null;
    return conversation;
  } finally {
    // An engine that is lost cannot remove anything now; `removeWhenBack` does.
    if (!gone) await engine.remove(id).catch(() => undefined);
  }
}

async function converseWith(id: string, options: ConversationOptions): Promise<Conversation> {
  const { engine } = options;
  const streams = await engine.attach(id);
  const stdout = new KeptStream();
  const stderr = new KeptStream();
  let last: ContainerOutput | null = null;
  let brokenReason: string | null = null;
  const counts = { output: 0, suspicious: 0, broken: 0 };
  const reader = new FrameReader({
    nonce: options.nonce,
    onFrame(frame: Frame) {
      counts[frame.kind] += 1;
      if (frame.kind === "output") {
        last = frame.output;
        options.onOutput(frame.output);
      } else if (frame.kind === "suspicious") options.onSuspicious(frame.output);
      else brokenReason = frame.reason;
    },
  });
  const drained = Promise.all([
    pump(streams.stdout, (chunk) => {
      stdout.push(chunk);
      reader.push(chunk);
    }),
    pump(streams.stderr, (chunk) => stderr.push(chunk)),
  ]);
  const exit = engine.wait(id);
  // Handled below; until then a rejection must not count as unhandled.
  exit.catch(() => undefined);
  const interruptions = new Interruptions(id, options);
  try {
    await engine.start(id);
    const startedAt = performance.now();
    interruptions.begin();
    streams.stdin.end(options.input);
    const { exitCode, outOfMemory, lost } = await Promise.race([
      exit.then(
        (ended) => ({ ...ended, lost: null }),
        (thrown: unknown) => ({ exitCode: null, outOfMemory: false, lost: asLost(thrown) }),
      ),
      interruptions.hopeless.then(() => ({ exitCode: null, outOfMemory: false, lost: null })),
    ]);
    if (!lost) await Promise.race([drained, after(drainMs)]);
    reader.end();
    return {
      exitCode,
      outOfMemory,
      interruption: interruptions.reason,
      lost,
      last,
      frames: counts.output,
      suspicious: counts.suspicious,
      broken: counts.broken,
      brokenReason,
      stdout,
      stderr,
      durationMs: Math.round(performance.now() - startedAt),
    };
  } finally {
    interruptions.end();
    streams.close();
  }
}

/** The timer and the caller's signal: whichever comes first stops the container, through the engine. */
class Interruptions {
  reason: Interruption | null = null;
  readonly #id: string;
  readonly #options: ConversationOptions;
  readonly #hopeless = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = (): void => this.#stop("cancelled");

  constructor(id: string, options: ConversationOptions) {
    this.#id = id;
    this.#options = options;
  }

  /** Resolves when a container that was stopped should long have ended. */
  get hopeless(): Promise<void> {
    return this.#hopeless.promise;
  }

  begin(): void {
    this.#timer = setTimeout(() => this.#stop("timeout"), this.#options.timeoutMs);
    const { signal } = this.#options;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  #stop(reason: Interruption): void {
    if (this.reason !== null) return;
    this.reason = reason;
    const { engine, graceMs } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hopeless.resolve(), graceMs + hopelessMs);
    // When the engine cannot even stop it, `wait` tells that the engine is lost, or killing is what is left to try.
    engine.stop(this.#id, graceMs).catch(() => engine.kill(this.#id, "SIGKILL").catch(() => undefined));
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

function asLost(thrown: unknown): NovaError {
  if (thrown instanceof NovaError && thrown.code === "ENGINE_LOST") return thrown;
  return new NovaError(
    "ENGINE_LOST",
    `The engine could not tell how the container ended: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    {
      next: "Look at `novabot doctor`.",
      cause: thrown,
    },
  );
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
