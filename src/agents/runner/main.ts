import { statSync } from "node:fs";
import type { AgentConfig } from "../../model/group.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import { GROUP_TARGET } from "../../model/workspace.ts";
import { agentEnv } from "./agent-env.ts";
import { AgentProcess } from "./agent-process.ts";
import { claudeTurn } from "./claude.ts";
import { commandTurn } from "./command.ts";
import { demoTurn } from "./demo.ts";
import { writeFrame } from "./frames.ts";
import { nonceOf, parseInput, readInput } from "./input.ts";
import { failed, type Turn } from "./turn.ts";

function turnOf(agent: AgentConfig): Turn {
  if (agent === "claude") return claudeTurn;
  if (agent === "demo") return demoTurn;
  return commandTurn(agent.command);
}

/** The kernel takes the files of a process that nobody may look into away from the process's own user. */
function isHidden(): boolean {
  return statSync("/proc/self/environ").uid !== process.getuid?.();
}

async function main(): Promise<number> {
  if (!isHidden()) process.stderr.write("novabot-runner: this process can be read by the agent; its answers could be forged.\n");
  let nonce: string | undefined;
  let agent: AgentProcess | undefined;
  let stopping = false;
  const stop = (): void => {
    stopping = true;
    if (agent === undefined) process.exit(143);
    else void agent.stop();
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const finish = async (output: ContainerOutput): Promise<number> => {
    // What the agent left running in the background must not write beside the answer.
    agent?.signal("SIGKILL");
    await writeFrame(process.stdout, output, nonce);
    return output.status === "success" ? 0 : 1;
  };
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);

  try {
    const bytes = await readInput(process.stdin);
    nonce = nonceOf(bytes);
    const input = parseInput(bytes);
    if (input.deadlineMs !== undefined) setTimeout(() => process.exit(143), input.deadlineMs).unref();
    const output = await turnOf(input.agent)(input, {
      cwd: GROUP_TARGET,
      env: agentEnv(),
      interim: (text) => void writeFrame(process.stdout, { status: "success", result: text }, nonce),
      log: (chunk) => void process.stderr.write(chunk),
      start: (command) => (agent = new AgentProcess(command)),
    });
    if (!stopping) return await finish(output);
    await finish(failed("The agent was told to stop before it had answered."));
    return 143;
  } catch (error) {
    return await finish(failed((error as Error).message));
  }
}

// Whatever still holds a pipe or a timer open: the last frame is the end.
process.exit(await main());
