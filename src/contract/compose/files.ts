import { stat } from "node:fs/promises";
import { join } from "node:path";

const NAMES = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

/** The Compose file of a directory by Compose's own names, and the file that overrides it; empty when there is none. */
export async function findComposeFiles(directory: string): Promise<string[]> {
  const main = await firstOf(directory, NAMES);
  if (main === undefined) return [];
  const override = await firstOf(directory, OVERRIDES);
  return override === undefined ? [main] : [main, override];
}

async function firstOf(directory: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) return path;
  }
  return undefined;
}
