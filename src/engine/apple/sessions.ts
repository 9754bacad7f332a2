import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { Attachment, ContainerInfo } from "../engine.ts";
import { exitCodeOf, runProgram, startProgram } from "./program.ts";
import { deleteArguments, startArguments, statusArguments } from "./request.ts";

/**
 * Containers that this process started. The program attaches when it starts a container and at no other time, and only this
 * child's exit tells the container's exit code: so streams and exit of a container are tied to the process that started it.
 */
export interface Sessions {
  attach(id: string): Attachment;
  start(id: string): Promise<void>;
  /** The exit code, when the container is gone if it was to be removed. */
  wait(id: string): Promise<number>;
}

interface Session {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  attached: boolean;
  readonly exit: PromiseWithResolvers<number>;
}

/** From one look at the services to the next while somebody waits; together with the look itself below 5 seconds. */
const LOOK_EVERY_MS = 1000;
const LOOK_TIMEOUT_MS = 3000;
/** The program deletes a container made with `--rm` a moment after its exit. */
const REMOVAL_MS = 10_000;

export function sessions(binary: string, inspect: (id: string) => Promise<ContainerInfo | undefined>): Sessions {
  const open = new Map<string, Session>();

  function session(id: string): Session {
    let found = open.get(id);
    if (!found) {
      found = { stdin: quiet(), stdout: quiet(), stderr: quiet(), attached: false, exit: Promise.withResolvers() };
      found.exit.promise.catch(() => {});
      open.set(id, found);
    }
    return found;
  }

  async function watchServices(signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false });
      try {
        if ((await runProgram(binary, statusArguments(), { timeoutMs: LOOK_TIMEOUT_MS })).exitCode === 0) continue;
      } catch (error) {
        throw new NovaError("ENGINE_LOST", `Apple Container went away: ${messageOf(error)}`, {
          next: "Run `container system start`.",
          cause: error,
        });
      }
      throw new NovaError("ENGINE_LOST", "Apple Container's services stopped.", { next: "Run `container system start`." });
    }
  }

  async function settleRemoval(id: string): Promise<void> {
    const end = performance.now() + REMOVAL_MS;
    for (;;) {
      const container = await inspect(id);
      if (!container) return;
      if (performance.now() > end) break;
      await sleep(100);
    }
    await runProgram(binary, deleteArguments(id), { timeoutMs: REMOVAL_MS });
  }

  return {
    attach(id) {
      const { stdin, stdout, stderr } = session(id);
      session(id).attached = true;
      return {
        stdin,
        stdout,
        stderr,
        close() {
          // The child is the container's only reader: what nobody wants any more is read and dropped.
          stdin.end();
          stdout.resume();
          stderr.resume();
        },
      };
    },

    async start(id) {
      const current = session(id);
      const child = await startProgram(
        binary,
        startArguments(id, { attach: current.attached }),
        current.attached ? "pipe" : "ignore",
      );
      if (child.stdin) {
        child.stdin.on("error", () => current.stdin.resume());
        current.stdin.pipe(child.stdin);
      }
      child.stdout?.pipe(current.stdout);
      child.stderr?.pipe(current.stderr);
      if (!current.attached) {
        current.stdout.resume();
        current.stderr.resume();
      }
      // Not `close`: that would wait for a reader who takes the container's output slowly.
      child.once("exit", (code, signal) => current.exit.resolve(exitCodeOf(code, signal)));
    },

    async wait(id) {
      const current = session(id);
      const stop = new AbortController();
      const watching = watchServices(stop.signal);
      watching.catch(() => {});
      try {
        const exitCode = await Promise.race([current.exit.promise, watching]);
        if (!current.attached)
          throw new NovaError(
            "NOT_SUPPORTED",
            `Apple Container does not tell how ${quote(id)} ended to who did not attach to it.`,
          );
        await settleRemoval(id);
        return exitCode;
      } finally {
        stop.abort();
        open.delete(id);
      }
    },
  };
}

function quiet(): PassThrough {
  const stream = new PassThrough();
  stream.on("error", () => {});
  return stream;
}
