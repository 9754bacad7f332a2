import type { ContainerOutput } from "../../model/protocol.ts";
import { exitError } from "./agent-process.ts";
import { Head } from "./bytes.ts";
import { failed, type World } from "./turn.ts";

/** How much of what a guard prints the agent is told. */
export const GUARD_LIMIT_BYTES: number = 64 * 1024;

/** What a guard decided: the agent is needed, and is told `text` beside its prompt; or this is how the run ends. */
export type Verdict = { readonly text: string } | { readonly end: ContainerOutput };

/** Runs the script that decides whether the agent is needed. Status 0 says that it is, 1 that it is not. */
export async function askGuard(script: string, world: World): Promise<Verdict> {
  const said = new Head(GUARD_LIMIT_BYTES);
  const guard = world.start({
    argv: ["/bin/sh", "-c", script],
    cwd: world.cwd,
    env: world.env,
    prompt: "",
    onStdout: (chunk) => said.add(chunk),
    onStderr: (chunk) => world.log(chunk),
  });
  const exit = await guard.exited;
  guard.signal("SIGKILL");
  if (exit.code === 1) return { end: { status: "success", result: null, skipped: true } };
  const error = exitError("The guard", exit);
  return error === undefined ? { text: said.text().trim() } : { end: failed(error) };
}
