import type { ImageInfo } from "../../engine/engine.ts";
import type { Distribution } from "../machine/distribution.ts";
import type { Environment } from "../state.ts";
import type { ImageName, OnProgress } from "./build.ts";
import { AGENT_TAG, BASE_TAG } from "./versions.ts";

export type ImageTags = Readonly<Record<ImageName, string>>;

export const defaultTags: ImageTags = { base: BASE_TAG, agent: AGENT_TAG };

export interface BuildImagesOptions {
  /** `agent` brings the base image with it. */
  readonly which: ImageName;
  readonly env: Environment;
  /** False forbids installing mmdebstrap. */
  readonly install: boolean;
  say(line: string): void;
  readonly progress?: OnProgress;
  /** Builds anew what is up to date, too. */
  readonly noCache?: boolean;
  /** Leaves the host's certificates in the agent image; what the image has now decides when left out. */
  readonly withCA?: boolean;
  /** What the images are called. */
  readonly tags?: ImageTags;
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
