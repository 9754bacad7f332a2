import type { InstanceSpec } from "../../model/instance.ts";

/** The supervisor's own: its token and door, and what an instance that started it was given. `NOVABOT_WORKER`, the name, is everybody's. */
const own = /^NOVABOT_(?:WORKER|INSTANCE)_/;

/** The container's environment as every process of it may see it. */
export function containerEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && !own.test(name)) kept[name] = value;
  return kept;
}

/** What an instance's program finds, the marker left out. */
export function instanceEnvironment(
  container: Readonly<Record<string, string>>,
  { id, env, port }: Pick<InstanceSpec, "id" | "env" | "port">,
): Record<string, string> {
  return { ...container, ...env, ...(port === null ? {} : { PORT: String(port) }), NOVABOT_INSTANCE_ID: id };
}
