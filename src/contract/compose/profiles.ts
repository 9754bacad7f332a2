import type { Environment } from "./environment.ts";
import type { ProjectRequest } from "./project.ts";

/** The profiles that the caller asks for, or else those of `COMPOSE_PROFILES`, which `.env` may set too. */
export function activeProfiles(request: ProjectRequest, environment: Environment): readonly string[] {
  return request.profiles ?? (environment.get("COMPOSE_PROFILES") ?? "").split(",").map((profile) => profile.trim());
}

/** A service without profiles always runs. */
export function isActive(own: readonly string[], active: readonly string[]): boolean {
  return own.length === 0 || active.includes("*") || own.some((profile) => active.includes(profile));
}
