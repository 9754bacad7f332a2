import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** The path without links, also of a file that is not there yet. Asked at once: it stands before every answer. */
export function realPathOf(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync.native(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(realPathOf(parent), basename(absolute));
  }
}
