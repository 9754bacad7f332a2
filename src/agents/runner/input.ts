import { isSessionID } from "../../model/names.ts";
import type { AgentConfig } from "../../model/group.ts";
import type { ContainerInput } from "../../model/protocol.ts";

// By hand and not with a schema library: loading one would double the time until an agent starts.

/** Above the host's limit for a prompt, each byte of which JSON may write as six. */
export const INPUT_LIMIT_BYTES: number = 128 * 1024 * 1024;

/** An input with its agent filled in. */
export type RunInput = ContainerInput & { readonly agent: AgentConfig };

/** What an answer must echo. */
export interface Identity {
  readonly nonce?: string;
  readonly run?: string;
}

/**
 * The input: the first line of `stream` when that is whole by itself, for its end may come milliseconds later, and everything up to
 * the end otherwise. An error when it is longer than `limit` bytes.
 */
export async function readInput(stream: AsyncIterable<Uint8Array>, limit: number = INPUT_LIMIT_BYTES): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let isFirstLine = true;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > limit) throw new Error(`The input is longer than ${limit} bytes.`);
    chunks.push(chunk);
    if (!isFirstLine || !chunk.includes(10)) continue;
    isFirstLine = false;
    const line = Buffer.concat(chunks);
    if (isJSON(line)) return line;
  }
  return Buffer.concat(chunks);
}

function isJSON(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

function fail(field: string, need: string): never {
  throw new Error(`The input's ${field} must be ${need}.`);
}

function text(object: Record<string, unknown>, field: string): string {
  const value = object[field];
  return typeof value === "string" ? value : fail(field, "a text");
}

function flag(object: Record<string, unknown>, field: string): boolean {
  const value = object[field];
  return typeof value === "boolean" ? value : fail(field, "true or false");
}

function duration(object: Record<string, unknown>, field: string): number {
  const value = object[field];
  // A longer timer of Node's fires at once.
  return typeof value === "number" && value > 0 && value < 2 ** 31 ? value : fail(field, "milliseconds");
}

function runOf(value: unknown): string {
  return typeof value === "string" && value !== "" && value.length <= 64 ? value : fail("run", "1 to 64 characters");
}

function scriptOf(value: unknown): string {
  const isScript = typeof value === "string" && value.trim() !== "" && !value.includes("\0");
  return isScript ? value : fail("guard", "a shell script");
}

function variablesOf(value: unknown): Record<string, string> {
  const need = "an object of environment variables and their texts";
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail("variables", need);
  for (const [name, content] of Object.entries(value)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) fail("variables", need);
    if (typeof content !== "string" || content.includes("\0")) fail(`variables.${name}`, "a text");
  }
  return value as Record<string, string>;
}

function gatewayOf(value: unknown): { readonly broker: boolean; readonly proxy: boolean } {
  const { broker, proxy } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof broker !== "boolean" || typeof proxy !== "boolean") fail("gateway", "{ broker, proxy }, each true or false");
  return { broker, proxy };
}

function agentOf(value: unknown): AgentConfig {
  if (value === undefined) return "claude";
  if (value === "claude" || value === "demo") return value;
  const command: unknown = typeof value === "object" && value !== null ? (value as { command?: unknown }).command : undefined;
  if (Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === "string" && !word.includes("\0"))) {
    return { command: command as string[] };
  }
  return fail("agent", '"claude", "demo" or { "command": ["program", "argument"] }');
}

function parseJSON(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
}

/** The input that `bytes` hold as JSON; an error that names the wrong field otherwise. */
export function parseInput(bytes: Uint8Array): RunInput {
  let value: unknown;
  try {
    value = parseJSON(bytes);
  } catch (error) {
    throw new Error(`The input is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail("top level", "a JSON object");
  const object = value as Record<string, unknown>;
  const sessionId = object["sessionId"] ?? undefined;
  if (sessionId !== undefined && !isSessionID(sessionId)) fail("sessionId", "1 to 128 letters, digits and . _ : -");
  return {
    prompt: text(object, "prompt"),
    groupFolder: text(object, "groupFolder"),
    chatJid: text(object, "chatJid"),
    isMain: flag(object, "isMain"),
    agent: agentOf(object["agent"] ?? undefined),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(object["isScheduledTask"] === undefined ? {} : { isScheduledTask: flag(object, "isScheduledTask") }),
    ...(object["deadlineMs"] === undefined ? {} : { deadlineMs: duration(object, "deadlineMs") }),
    ...(object["nonce"] === undefined ? {} : { nonce: text(object, "nonce") }),
    ...(object["run"] === undefined ? {} : { run: runOf(object["run"]) }),
    ...(object["variables"] === undefined ? {} : { variables: variablesOf(object["variables"]) }),
    ...(object["gateway"] === undefined ? {} : { gateway: gatewayOf(object["gateway"]) }),
    ...(object["guard"] === undefined ? {} : { guard: scriptOf(object["guard"]) }),
    ...(object["followUps"] === undefined ? {} : { followUps: flag(object, "followUps") }),
  };
}

/** What can be told of an input that is otherwise wrong, so that its error can still be trusted. */
export function identityOf(bytes: Uint8Array): Identity {
  try {
    const { nonce, run } = parseJSON(bytes) as Record<string, unknown>;
    return {
      ...(typeof nonce === "string" ? { nonce } : {}),
      ...(typeof run === "string" && run.length <= 64 ? { run } : {}),
    };
  } catch {
    return {};
  }
}
