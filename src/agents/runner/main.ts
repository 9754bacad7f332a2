import { statSync } from "node:fs";
import { MODE_VARIABLE } from "../../model/markers.ts";
import { GROUP_TARGET } from "../../model/workspace.ts";
import { AgentEnvironment } from "./agent-env.ts";
import { Forwarder } from "./forwarder.ts";
import { readInput } from "./input.ts";
import { inputLines } from "./input-lines.ts";
import { rehearse } from "./rehearsal.ts";
import { type Container, Run } from "./run.ts";
import { killStragglers } from "./stragglers.ts";

const TOLD_TO_STOP = 143;

/** The kernel takes the files of a process that nobody may look into away from the process's own user. */
function isHidden(): boolean {
  return statSync("/proc/self/environ").uid !== process.getuid?.();
}

const isKept = process.env[MODE_VARIABLE] === "persistent";
const container: Container = {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: new AgentEnvironment(),
  forwarder: new Forwarder(),
  cwd: GROUP_TARGET,
  // The end of a container for one run does the same.
  clearAway: isKept ? killStragglers : () => undefined,
  expire: () => process.exit(TOLD_TO_STOP),
};
let run = new Run(container);
let stopping = false;
let callOff = (): void => undefined;

/** One run, and nothing to read after it: a container's usual life. */
async function serveOne(): Promise<number> {
  const input = await readInput(process.stdin.iterator({ destroyOnReturn: false })).catch((error: Error) => error);
  callOff();
  const status = await run.serve(input);
  return status === "success" ? 0 : 1;
}

/** A run for each line, until there are no more. */
async function serveLines(): Promise<number> {
  for await (const line of inputLines(process.stdin)) {
    callOff();
    run = new Run(container);
    await run.serve(line);
    if (stopping) break;
  }
  return 0;
}

async function main(): Promise<number> {
  if (!isHidden()) process.stderr.write("novabot-runner: this process can be read by the agent; its answers could be forged.\n");
  const stop = (): void => {
    stopping = true;
    if (run.isLive) run.stop();
    else process.exit(TOLD_TO_STOP);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  // A container may wait for its input: whatever takes time is done before it comes.
  container.forwarder.prepare();
  try {
    container.environment.read();
  } catch {
    // The run that needs it is told.
  }
  callOff = rehearse(container);
  const status = await (isKept ? serveLines() : serveOne());
  return stopping ? TOLD_TO_STOP : status;
}

// Whatever still holds a pipe or a timer open: the last frame is the end.
process.exit(await main());
