import { readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ImageDescription } from "../../engine/observation.ts";
import type { SourceFile } from "../source/place.ts";
import type { PaperFacts } from "./subject.ts";

const largestFile = 5 * 1024 * 1024;

/**
 * The facts of this machine: what an engine said of images beforehand, and the file system as it is now. What cannot be looked at counts as
 * missing; nothing is opened but plain files.
 */
export function machineFacts(
  images: ReadonlyMap<string, ImageDescription> = new Map(),
  engineSockets: readonly string[] = [],
  ships: (folder: string) => boolean = () => false,
): PaperFacts {
  const kind = (path: string): "file" | "directory" | "other" | undefined => {
    try {
      const found = statSync(path);
      return found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
    } catch {
      return undefined;
    }
  };
  // Many services mount the same directories.
  const followed = new Map<string, string>();
  return {
    image: (reference) => images.get(reference),
    engineSockets,
    ships,
    kind,
    real: (path) => {
      const known = followed.get(path) ?? real(path);
      followed.set(path, known);
      return known;
    },
    read,
    envNames: (path) => {
      const names = read(path)?.text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.]*)[ \t]*[=:]/gm) ?? [];
      return new Set(Array.from(names, ([, name = ""]) => name));
    },
  };
}

/** What is missing has no links: the rest of the path stands as it is below the last directory that is there. */
function real(path: string): string {
  const missing: string[] = [];
  for (let there = path; ; there = dirname(there)) {
    try {
      return join(realpathSync.native(there), ...missing);
    } catch {
      if (there === dirname(there)) return path;
      missing.unshift(basename(there));
    }
  }
}

function read(path: string): SourceFile | undefined {
  try {
    const found = statSync(path);
    return found.isFile() && found.size <= largestFile ? { path, text: readFileSync(path, "utf8") } : undefined;
  } catch {
    return undefined;
  }
}
