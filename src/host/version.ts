import { readFileSync } from "node:fs";
import { packageRoot } from "./package-root.ts";

/** The version that package.json declares. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(`${packageRoot()}/package.json`, "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
}
