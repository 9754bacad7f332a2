import type { Readable } from "node:stream";
import type { Attachment, Engine, Exit } from "../../engine/engine.ts";
import { NovaError, messageOf } from "../../model/errors.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import { FrameReader } from "../protocol/frames.ts";
import { KeptStream } from "../protocol/kept-stream.ts";
import { Interruptions, type Interruption, type InterruptionOptions } from "./interruptions.ts";
import type { LiveContainer } from "./live-container.ts";
import { Told } from "./told.ts";

/** What one container said in one run and how that ended; `settle` makes an outcome of it. */
export interface Conversation {
  /** Null when the container's end was not seen: it goes on, when `goesOn` is true, or may still be there. */
  readonly exitCode: number | null;
  readonly outOfMemory: boolean;
  readonly interruption: Interruption | null;
  /** Set when the engine went away under the container. */
  readonly lost: NovaError | null;
  /** The run ended with its final frame, and its container waits for the next one. */
  readonly goesOn: boolean;
  readonly told: Told;
  readonly frames: number;
  readonly suspicious: number;
  readonly broken: number;
  /** Why the last broken frame was broken. */
  readonly brokenReason: string | null;
  readonly stdout: KeptStream;
  readonly stderr: KeptStream;
}

export interface ConversationOptions extends InterruptionOptions {
  /** One JSON object on one line. A container for one run gets the end of input after it. */
  readonly input: Uint8Array;
  readonly run: string;
  /** The container serves many runs: every frame must name this one, and the final frame ends it. */
  readonly kept: boolean;
  /** Null reads by the plain rule: every well-formed frame counts. */
  readonly nonce: string | null;
  /** Called when the input is on its way. */
  onBegun(): void;
  onOutput(output: ContainerOutput): void;
}

/**
 * What one run may say: every answer is kept before it is sent, and an agent makes them faster than any disk takes them. Far more than a
 * person would read.
 */
const mostFrames = 10_000;
const mostBytes = 32 * 1024 * 1024;

/** After a container's exit its last bytes are already on their way; a stream that stays open longer is not waited for. */
const drainMs = 2000;

/**
 * Gives a container that runs its input and reads it to the run's end, or ends it when the time is over or the caller aborts.
 * Never rejects: whatever happens is told in the result. The container is gone unless `exitCode` is null.
 */
export async function converse(engine: Engine, container: LiveContainer, options: ConversationOptions): Promise<Conversation> {
  const { streams } = container;
  const { run, kept } = options;
  const stdout = new KeptStream();
  const stderr = new KeptStream();
  const told = new Told();
  const finished = Promise.withResolvers<void>();
  let brokenReason: string | null = null;
  // Frames with the right nonce and another run's id.
  let strangers = 0;
  let isOver = false;
  let heard = 0;
  let heardBytes = 0;
  const reader = new FrameReader({
    nonce: options.nonce,
    onFrame(frame) {
      if (frame.kind === "broken") brokenReason = frame.reason;
      if (frame.kind !== "output" || isOver) return;
      const { output } = frame;
      if (kept ? output.run !== run : (output.run ?? run) !== run) {
        strangers += 1;
        return;
      }
      heard += 1;
      heardBytes += (output.result?.length ?? 0) + (output.error?.length ?? 0);
      if (heard > mostFrames || heardBytes > mostBytes) {
        isOver = true;
        interruptions.stop("flood");
        return;
      }
      told.take(output);
      options.onOutput(output);
      if (!kept || output.final !== true) return;
      isOver = true;
      // One that is being stopped has not ended by itself: its exit is the end.
      if (interruptions.reason === null) finished.resolve();
    },
  });
  const out = new Pump(streams.stdout, (chunk) => {
    stdout.push(chunk);
    reader.push(chunk);
  });
  const err = new Pump(streams.stderr, (chunk) => stderr.push(chunk));
  const interruptions = new Interruptions(engine, container.id, options);
  let goesOn = false;
  try {
    give(streams, options);
    options.onBegun();
    const end = await Promise.race([
      container.exit.then(ended, unseen),
      interruptions.hopeless.then(() => unseen(null)),
      finished.promise.then(() => null),
    ]);
    goesOn = end === null;
    if (end !== null && end.exitCode !== null) await Promise.race([Promise.all([out.drained, err.drained]), after(drainMs)]);
    if (!goesOn) reader.end();
    const { output, suspicious, broken } = reader.counts;
    return {
      ...(end ?? { exitCode: null, outOfMemory: false, lost: null }),
      interruption: interruptions.reason,
      goesOn,
      told,
      frames: output - strangers,
      suspicious: suspicious + strangers,
      broken,
      brokenReason,
      stdout,
      stderr,
    };
  } finally {
    interruptions.end();
    if (goesOn) for (const pump of [out, err]) pump.letGo();
    else streams.close();
  }
}

function give({ stdin }: Attachment, { input, kept }: ConversationOptions): void {
  if (kept) stdin.write(input);
  else stdin.end(input);
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

/** Reads a stream for as long as a run goes on. */
class Pump {
  /** Resolves at the stream's end. */
  readonly drained: Promise<void>;
  readonly #stream: Readable;
  readonly #take: (chunk: Uint8Array) => void;
  readonly #end: () => void;

  constructor(stream: Readable, take: (chunk: Uint8Array) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.drained = promise;
    this.#stream = stream;
    this.#take = take;
    this.#end = resolve;
    // A stream that breaks has ended; what ended it is told by `wait`.
    stream.on("end", resolve).on("close", resolve).on("error", resolve).on("data", take).resume();
  }

  /** Leaves the stream to the next run. Until then nothing is read: a container that goes on writing has to wait. */
  letGo(): void {
    this.#stream.pause();
    this.#stream.off("data", this.#take);
    for (const event of ["end", "close", "error"]) this.#stream.off(event, this.#end);
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
