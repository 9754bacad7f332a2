import type { BuildProgress, Engine, ImageInfo } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { entriesSize, packContext } from "./context.ts";
import type { ImagePlan } from "./plan.ts";
import { SOURCE_LABEL } from "./versions.ts";

export type ImageName = "base" | "agent" | "worker";

/** What a build is doing right now. */
export interface ImageProgress {
  readonly image: ImageName;
  /**
   * `rootfs`: Debian's packages are unpacked; `context`: the sources go to the engine; `step`: the engine begins a step, whose
   * instruction is the text; `output`: what a step says; `done`: nothing more comes.
   */
  readonly phase: "rootfs" | "context" | "step" | "output" | "done";
  readonly text: string;
  readonly step: number | null;
  readonly steps: number | null;
  readonly bytes: number | null;
  readonly totalBytes: number | null;
}

export type OnProgress = (progress: ImageProgress) => void;

/** The output of a build that never got as far as its first step of work: the base image could not be had. */
export class BaseUnavailable extends Error {}

const pullFailure =
  /no such host|dial tcp|registry|i\/o timeout|connection refused|connection reset|no route to host|network is unreachable|TLS handshake|x509|certificate|toomanyrequests|pull access denied|manifest (unknown|for)|not found|failed to (resolve|do request)|short-name|initializing source|EOF/i;

/** Whether a build's failure at `instruction` is that the image after FROM could not be pulled. */
export function isPullFailure(instruction: string, message: string): boolean {
  return /^FROM\b/i.test(instruction) && pullFailure.test(message);
}

/** The engine's own reason, from the last of the lines that speak of it. */
function pullReason(message: string): string {
  const lines = message.split("\n").filter((line) => pullFailure.test(line));
  return (lines.at(-1) ?? message)
    .replace(/^The image .*?, "FROM .*?": /, "")
    .trim()
    .slice(0, 300);
}

export interface RunBuildOptions {
  readonly image: ImageName;
  readonly noCache: boolean;
  readonly progress: OnProgress;
  /** Rejects with BaseUnavailable when the registry of the image after FROM has not answered the engine in this time. */
  readonly pullPatienceMs?: number;
}

/** Has the engine build `plan`. Rejects with BaseUnavailable when the image after FROM cannot be pulled. */
export async function runBuild(engine: Engine, plan: ImagePlan, options: RunBuildOptions): Promise<ImageInfo> {
  const { image, progress } = options;
  const totalBytes = await entriesSize(plan.entries);
  const event = { image, step: null, steps: null, bytes: null, totalBytes: null } as const;
  let shown = 0;
  const context = packContext(plan.entries, (bytes) => {
    if (bytes - shown < 1 << 20 && bytes < totalBytes) return;
    shown = bytes;
    progress({ ...event, phase: "context", text: "sending the sources", bytes: Math.min(bytes, totalBytes), totalBytes });
  });
  const patience = new AbortController();
  let instruction = "";
  let registryAnswered = options.pullPatienceMs === undefined;
  const timer = registryAnswered
    ? undefined
    : setTimeout(() => patience.abort(new BaseUnavailable("the registry did not answer in time")), options.pullPatienceMs);
  const follow = ({ kind, text }: BuildProgress): void => {
    if (kind === "instruction") {
      instruction = text;
      registryAnswered ||= !/^(ARG|FROM)\b/i.test(text);
    } else if (instruction !== "" && !/trying to pull/i.test(text)) registryAnswered = true;
    if (registryAnswered) clearTimeout(timer);
  };
  try {
    return await engine.buildImage(
      {
        tag: plan.tag,
        context,
        buildArgs: plan.buildArgs,
        labels: { [SOURCE_LABEL]: plan.source },
        noCache: options.noCache,
        ...(plan.target === undefined ? {} : { target: plan.target }),
      },
      {
        // The engine ends a build that is given up: it must not finish later, and take the tag from the image made instead.
        signal: patience.signal,
        onProgress: (line) => {
          follow(line);
          const { step, steps } = line;
          progress({ ...event, phase: line.kind === "instruction" ? "step" : "output", text: line.text.trim(), step, steps });
        },
      },
    );
  } catch (error) {
    if (patience.signal.aborted) throw patience.signal.reason;
    if (error instanceof NovaError && error.code === "IMAGE_BUILD_FAILED" && isPullFailure(instruction, error.message)) {
      throw new BaseUnavailable(pullReason(error.message), { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    progress({ ...event, phase: "done", text: "" });
  }
}
