import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** The path without links, also of a file that is not there yet. */
export async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await realPathOf(parent), basename(absolute));
  }
}
