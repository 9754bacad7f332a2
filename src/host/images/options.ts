import type { ImageInfo } from "../../engine/engine.ts";
import type { Distribution } from "../machine/distribution.ts";
import type { Environment } from "../state.ts";
import type { ImageName, OnProgress } from "./build.ts";
import { AGENT_TAG, BASE_TAG, type WORKER_NODE_VERSIONS, WORKER_TAG } from "./versions.ts";

export type ImageTags = Readonly<Record<ImageName, string>>;

/** A line of Node that a worker's application can have. */
export type WorkerNode = keyof typeof WORKER_NODE_VERSIONS;

const defaultTags: ImageTags = { base: BASE_TAG, agent: AGENT_TAG, worker: WORKER_TAG };

export interface BuildImagesOptions {
  /** `agent` and `worker` bring the base image with them. */
  readonly which: ImageName;
  readonly env: Environment;
  /** False forbids installing mmdebstrap. */
  readonly install: boolean;
  say(line: string): void;
  readonly progress?: OnProgress;
  /** Builds anew what is up to date, too. */
  readonly noCache?: boolean;
  /** The line of Node that a worker's application gets; what the image has now decides when left out. */
  readonly node?: WorkerNode;
  /** Leaves the host's certificates in the image; what the image has now decides when left out. */
  readonly withCA?: boolean;
  /** What the images are called. */
  readonly tags?: Partial<ImageTags>;
  readonly uid?: number;
  readonly distribution?: Distribution;
}

export interface BuiltImage {
  readonly name: ImageName;
  readonly tag: string;
  readonly id: string;
  readonly sizeBytes: number;
  readonly action: "built" | "up to date";
  readonly durationMs: number;
}

/** What the images are called, where the options do not say. */
export function tagsOf({ tags }: Pick<BuildImagesOptions, "tags">): ImageTags {
  return { ...defaultTags, ...tags };
}

/** The report on one image, begun at `startedMs` of the performance clock. */
export function report(
  name: ImageName,
  tag: string,
  image: ImageInfo,
  action: BuiltImage["action"],
  startedMs: number,
): BuiltImage {
  return { name, tag, id: image.id, sizeBytes: image.sizeBytes, action, durationMs: Math.round(performance.now() - startedMs) };
}
