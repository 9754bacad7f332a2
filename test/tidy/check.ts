import type { Tree } from "./tree.ts";

/** A rule over the tree. It gives one line for each place that breaks it, beginning with the path. */
export interface Check {
  readonly name: string;
  run(tree: Tree): string[];
  /** Small trees that break the rule; each must be found. */
  readonly broken: readonly Readonly<Record<string, string>>[];
  /** A small tree that comes near and keeps it. */
  readonly kept: Readonly<Record<string, string>>;
}
