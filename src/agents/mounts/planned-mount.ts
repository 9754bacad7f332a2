import type { Mount } from "../../engine/spec.ts";

/** A mount with its reason, before anything exists. */
export interface PlannedMount extends Mount {
  /**
   * `state` is a directory that NovaBot keeps for the group; `pin` is a part of the home mounted on itself, so that the
   * agent cannot rename it; `mask` hides a path behind an empty one; `extra` is what the group asked for.
   */
  readonly kind: "state" | "pin" | "mask" | "extra";
  readonly why: string;
}
