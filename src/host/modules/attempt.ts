import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import { replaceFile } from "../../secrets/file/replace-file.ts";
import { makePlace, placeOf } from "./standing.ts";

/** A container that ran. */
export interface Ran {
  readonly id: string;
  readonly name: string;
}

const attemptSchema = z.object({ running: z.array(z.object({ id: z.string(), name: z.string() })) });

/**
 * Writes down what runs before a module is changed. It lies there until the change has ended, one way or the other: found by the next
 * one, it says that a process was killed in the midst, and that nobody ever saw whether the containers beside those keep the contract.
 */
export async function beginAttempt(home: Home, module: ContractModule, running: readonly Ran[]): Promise<void> {
  await makePlace(home, module);
  const content = `${JSON.stringify({ running: running.map(({ id, name }) => ({ id, name })) })}\n`;
  await replaceFile({ path: fileOf(home, module), content, mode: 0o600 });
}

/** What ran before a change that was killed; undefined when the last one ended. */
export async function readAttempt(home: Home, module: ContractModule): Promise<readonly Ran[] | undefined> {
  try {
    return attemptSchema.parse(JSON.parse(await readFile(fileOf(home, module), "utf8"))).running;
  } catch {
    return undefined;
  }
}

export async function endAttempt(home: Home, module: ContractModule): Promise<void> {
  await rm(fileOf(home, module), { force: true });
}

function fileOf(home: Home, module: ContractModule): string {
  return join(placeOf(home, module), "attempt.json");
}
