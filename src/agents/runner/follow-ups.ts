import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { FollowUp } from "../../model/protocol.ts";
import { INPUT_TARGET } from "../../model/workspace.ts";

const FILE_LIMIT_BYTES = 1024 * 1024;

/** Messages that come in while the agent works, oldest first. The agent may write into the directory too, so nothing in it is trusted. */
export class FollowUps {
  readonly #directory: string;
  readonly #log: (text: string) => void;

  constructor(log: (text: string) => void, directory: string = INPUT_TARGET) {
    this.#log = log;
    this.#directory = directory;
  }

  /** Takes the next one out of the directory; undefined when there is none. What is no follow-up is removed, and told. */
  take(): FollowUp | undefined {
    for (const name of this.#names()) {
      const path = join(this.#directory, name);
      try {
        const followUp = parseFollowUp(readPlainFile(path));
        rmSync(path);
        return followUp;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
        this.#log(`novabot-runner: ${path} is no message: ${(error as Error).message}\n`);
        this.#remove(path);
      }
    }
    return undefined;
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory)
        .filter((name) => name.endsWith(".json") && !name.startsWith("."))
        .sort();
    } catch {
      return [];
    }
  }

  #remove(path: string): void {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (error) {
      this.#log(`novabot-runner: ${path} cannot be removed: ${(error as Error).message}\n`);
    }
  }
}

function readPlainFile(path: string): string {
  // Neither follows a link nor waits for somebody to write into a FIFO.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(file);
    if (!facts.isFile()) throw new Error("it is no file.");
    if (facts.size > FILE_LIMIT_BYTES) throw new Error(`it is ${facts.size} bytes long; the limit is ${FILE_LIMIT_BYTES}.`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function parseFollowUp(content: string): FollowUp {
  const value = JSON.parse(content) as Partial<Record<keyof FollowUp, unknown>> | null;
  const { id, text } = value ?? {};
  if (typeof id !== "string" || id === "" || id.length > 256) throw new Error("its id must be 1 to 256 characters.");
  if (typeof text !== "string" || text.trim() === "") throw new Error("its text must not be empty.");
  return { id, text };
}
