import type { Mount } from "../../engine/spec.ts";

/** A mount with its reason, before anything exists. */
export interface PlannedMount extends Mount {
  /**
   * `state` is a directory that NovaBot keeps for the group; `frame` and `project` are main's view of the home; `extra` is
   * what the group asked for.
   */
  readonly kind: "state" | "frame" | "project" | "extra";
  readonly why: string;
}
