import { spawn } from "node:child_process";
import { Tail } from "./bytes.ts";

export interface AgentExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Set when the program could not be started at all. */
  readonly startError?: string;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;
}

export interface AgentCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prompt: string;
  /** Its stdin stays open after the prompt, for `write` and `end`. */
  readonly keepsInput?: boolean;
  onStdout(chunk: Buffer): void;
  onStderr(chunk: Buffer): void;
}

const STDERR_TAIL_BYTES = 4096;
const QUIET_MS = 100;
const LINGER_MS = 2000;
const GRACE_MS = 10_000;

/** The agent's program, in a process group of its own: what the agent starts can be stopped with it. */
export class AgentProcess {
  readonly #child;
  readonly #stderr = new Tail(STDERR_TAIL_BYTES);
  /** Resolves once, when the program has exited and its output is read. */
  readonly exited: Promise<AgentExit>;

  constructor(command: AgentCommand) {
    const [file, ...args] = command.argv;
    this.#child = spawn(file ?? "", args, {
      cwd: command.cwd,
      env: command.env,
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.exited = this.#follow(command);
    // A program that exits before it has read its prompt is no error by itself.
    this.#child.stdin.on("error", () => undefined);
    if (command.keepsInput) this.#child.stdin.write(command.prompt);
    else this.#child.stdin.end(command.prompt);
  }

  /** Gives it more to read. */
  write(text: string): void {
    this.#child.stdin.write(text);
  }

  /** There is nothing more for it to read. */
  end(): void {
    this.#child.stdin.end();
  }

  /** Sends a signal to the program and everything in its process group. */
  signal(name: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      // The group is gone, which is what the signal was for.
    }
  }

  /** Asks it to end, and ends it when it does not. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), GRACE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  async #follow(command: AgentCommand): Promise<AgentExit> {
    const child = this.#child;
    let lastOutput = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      lastOutput = performance.now();
      command.onStdout(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr.add(chunk);
      command.onStderr(chunk);
    });
    return await new Promise((resolve) => {
      const settle = (code: number | null, signal: string | null, startError?: string): void => {
        resolve({ code, signal, stderr: this.#stderr.text(), ...(startError === undefined ? {} : { startError }) });
      };
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (child.pid !== undefined) return;
        const name = JSON.stringify(command.argv[0] ?? "");
        if (error.code === "ENOENT") settle(null, null, `The agent's command ${name} was not found in the image.`);
        else if (error.code === "EACCES") settle(null, null, `The agent's command ${name} may not be executed.`);
        else settle(null, null, `The agent's command ${name} could not be started: ${error.message}`);
      });
      child.on("exit", (code, signal) => {
        child.on("close", () => settle(code, signal));
        // Children in the background may hold the pipes open for ever: once the program itself is gone, quiet is the end.
        const exited = performance.now();
        const look = setInterval(() => {
          const now = performance.now();
          if (now - Math.max(lastOutput, exited) < QUIET_MS && now - exited < LINGER_MS) return;
          clearInterval(look);
          settle(code, signal);
        }, QUIET_MS / 4);
        child.on("close", () => clearInterval(look));
      });
    });
  }
}

/** Why an agent that exited like this has no answer, with the end of what it wrote to stderr; undefined when it exited well. */
export function exitError(program: string, exit: AgentExit): string | undefined {
  if (exit.startError !== undefined) return exit.startError;
  if (exit.code === 0) return undefined;
  const how = exit.signal === null ? `exited with status ${exit.code}` : `was ended by ${exit.signal}`;
  return exit.stderr === "" ? `${program} ${how} and wrote nothing to stderr.` : `${program} ${how}: ${exit.stderr}`;
}
