import type { Writable } from "node:stream";
import type { AgentConfig } from "../../model/group.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import type { AgentEnvironment, Variables } from "./agent-env.ts";
import { AgentProcess } from "./agent-process.ts";
import { claudeTurn } from "./claude.ts";
import { commandTurn } from "./command.ts";
import { demoTurn } from "./demo.ts";
import { type Forwarder, gatewayVariables } from "./forwarder.ts";
import { Frames } from "./frames.ts";
import { askGuard } from "./guard.ts";
import { identityOf, parseInput, type RunInput } from "./input.ts";
import { failed, type Turn, type World } from "./turn.ts";

/** What all runs of a container share. */
export interface Container {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly environment: AgentEnvironment;
  readonly forwarder: Forwarder;
  /** Where agents are started. */
  readonly cwd: string;
  /** Ends what a run's agent has left behind, before the last frame says that the run is over. */
  clearAway(): void;
  /** Ends the container, because a run's deadline is over: its host should have ended it before, and may be gone. */
  expire(): void;
}

function turnOf(agent: AgentConfig): Turn {
  if (agent === "claude") return claudeTurn;
  if (agent === "demo") return demoTurn;
  return commandTurn(agent.command);
}

/** One run in a container, from its input to its last frame. */
export class Run {
  readonly #container: Container;
  readonly #frames: Frames;
  #agent: AgentProcess | undefined;
  #stopping = false;

  constructor(container: Container) {
    this.#container = container;
    this.#frames = new Frames(container.stdout);
  }

  /** Something that it started is at work. */
  get isLive(): boolean {
    return this.#agent !== undefined;
  }

  /** Asks what works for it to end; the run then ends with an error. */
  stop(): void {
    this.#stopping = true;
    void this.#agent?.stop();
  }

  /** Never rejects: whatever goes wrong becomes the last frame. Resolves with its status when the kernel has all frames. */
  async serve(bytes: Buffer | Error): Promise<ContainerOutput["status"]> {
    let deadline: NodeJS.Timeout | undefined;
    let output: ContainerOutput;
    try {
      if (bytes instanceof Error) throw bytes;
      const input = this.#read(bytes);
      if (input.deadlineMs !== undefined) deadline = setTimeout(() => this.#container.expire(), input.deadlineMs).unref();
      output = await this.#answer(input);
      if (this.#stopping) output = failed("The agent was told to stop before it had answered.");
    } catch (error) {
      output = failed((error as Error).message);
    }
    clearTimeout(deadline);
    // What the agent left running in the background must not write beside the answer.
    this.#agent?.signal("SIGKILL");
    this.#agent = undefined;
    this.#container.clearAway();
    await this.#frames.write({ ...output, final: true });
    return output.status;
  }

  #read(bytes: Buffer): RunInput {
    try {
      const input = parseInput(bytes);
      this.#frames.identify(input);
      return input;
    } catch (error) {
      this.#frames.identify(identityOf(bytes));
      throw error;
    }
  }

  async #answer(input: RunInput): Promise<ContainerOutput> {
    const world = this.#world(await this.#variables(input));
    if (input.guard === undefined) return await turnOf(input.agent)(input, world);
    const verdict = await askGuard(input.guard, world);
    if ("end" in verdict) return verdict.end;
    if (this.#stopping) return failed("");
    const prompt = verdict.text === "" ? input.prompt : `${input.prompt}\n\n${verdict.text}`;
    return await turnOf(input.agent)({ ...input, prompt }, world);
  }

  #world(env: Variables): World {
    return {
      cwd: this.#container.cwd,
      env,
      send: (output) => void this.#frames.write(output),
      log: (chunk) => void this.#container.stderr.write(chunk),
      start: (command) => (this.#agent = new AgentProcess(command)),
    };
  }

  async #variables(input: RunInput): Promise<Variables> {
    const { gateway } = input;
    const leads = gateway?.broker || gateway?.proxy;
    return {
      ...this.#container.environment.read(),
      ...input.variables,
      ...(leads ? gatewayVariables(gateway, await this.#container.forwarder.port()) : {}),
      NOVABOT_GROUP: input.groupFolder,
      NOVABOT_CHAT_JID: input.chatJid,
      NOVABOT_IS_MAIN: String(input.isMain),
      NOVABOT_IS_SCHEDULED_TASK: String(input.isScheduledTask ?? false),
    };
  }
}
