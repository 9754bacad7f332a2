import { existsSync, readdirSync } from "node:fs";
import { isSessionID } from "../../model/names.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import { type AgentExit, exitError } from "./agent-process.ts";
import { Lines } from "./bytes.ts";
import { failed, type Turn } from "./turn.ts";

// A tool's result comes back on one line, with whole files in it.
const LINE_LIMIT_BYTES = 64 * 1024 * 1024;

/** The Claude Code command line of one turn. The prompt goes in on stdin: it may be larger than an argument can be. */
export function claudeArguments(sessionId: string | undefined, directories: readonly string[]): string[] {
  return [
    "claude",
    "-p",
    "--output-format",
    "stream-json",
    "--verbose",
    "--permission-mode",
    "bypassPermissions",
    ...(sessionId === undefined ? [] : ["--resume", sessionId]),
    // The option takes every word up to the next option, so it comes last.
    ...(directories.length === 0 ? [] : ["--add-dir", ...directories]),
  ];
}

/** Directories beside the group's own whose CLAUDE.md and files belong to the agent: those that something is mounted on. */
export function extraDirectories(root = "/workspace"): string[] {
  const entries = (path: string): string[] => {
    try {
      return existsSync(path) ? readdirSync(path).map((name) => `${path}/${name}`) : [];
    } catch {
      return [];
    }
  };
  const extra = entries(`${root}/extra`).sort();
  return [...(entries(`${root}/global`).length > 0 ? [`${root}/global`] : []), ...extra];
}

interface Block {
  readonly type?: unknown;
  readonly text?: unknown;
}

/** Follows Claude Code's stream of JSON lines. */
export class ClaudeStream {
  readonly #interim: (text: string) => void;
  readonly #log: (text: string) => void;
  #held: string | undefined;
  #result:
    | { readonly text: string | null; readonly error: string | undefined; readonly sessionId: string | undefined }
    | undefined;

  constructor(interim: (text: string) => void, log: (text: string) => void) {
    this.#interim = interim;
    this.#log = log;
  }

  line(text: string): void {
    let event: Record<string, unknown>;
    try {
      event = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return;
    }
    if (typeof event !== "object" || event === null) return;
    // What a subagent says to its parent is not for the chat.
    if (event["type"] === "assistant" && (event["parent_tool_use_id"] ?? null) === null) this.#assistant(event);
    if (event["type"] === "result") this.#settle(event);
    if (event["type"] === "system" && event["subtype"] === "api_retry") this.#log(retryText(event));
  }

  /** The last frame, when the program has exited as `exit` says. */
  output(exit: AgentExit): ContainerOutput {
    const result = this.#result;
    // One text is held back until something follows it: the last one is the answer, and must not be sent twice.
    const last = result === undefined ? undefined : (result.error ?? result.text);
    if (this.#held !== undefined && this.#held.trim() !== last?.trim()) this.#interim(this.#held);
    this.#held = undefined;
    if (result === undefined) {
      return failed(exitError("Claude Code", exit) ?? `Claude Code exited without a result. ${exit.stderr}`.trim());
    }
    if (result.error !== undefined) return failed(explain(result.error, exit.stderr));
    return {
      status: "success",
      result: result.text,
      ...(result.sessionId === undefined ? {} : { newSessionId: result.sessionId }),
    };
  }

  #assistant(event: Record<string, unknown>): void {
    const content = (event["message"] as { content?: unknown } | undefined)?.content;
    if (!Array.isArray(content)) return;
    for (const block of content as Block[]) {
      if (block?.type !== "text" || typeof block.text !== "string" || block.text.trim() === "") continue;
      if (this.#held !== undefined) this.#interim(this.#held);
      this.#held = block.text;
    }
  }

  #settle(event: Record<string, unknown>): void {
    const text = typeof event["result"] === "string" ? event["result"] : null;
    const sessionId = isSessionID(event["session_id"]) ? event["session_id"] : undefined;
    const isError = event["is_error"] === true || event["subtype"] !== "success";
    this.#result = { text, sessionId, error: isError ? errorText(event, text) : undefined };
  }
}

/** Without this line a run that ends by timeout, because the API cannot be reached, would not say so anywhere. */
function retryText(event: Record<string, unknown>): string {
  const status = typeof event["error_status"] === "number" ? `status ${event["error_status"]}` : "no answer";
  return `Claude Code: ${status} from the API, try ${Number(event["attempt"])} of ${Number(event["max_retries"])} failed.\n`;
}

/** An error with what belongs to it: the end of stderr unless it says the same, and what to do when there is no key. */
function explain(error: string, stderr: string): string {
  const login = "Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in the .env file of NovaBot's home.";
  const lines = [error, ...(stderr === "" || stderr.includes(error) || error.includes(stderr) ? [] : [stderr])];
  return [...lines, ...(/not logged in|please run \/login/i.test(error) ? [login] : [])].join("\n");
}

function errorText(event: Record<string, unknown>, text: string | null): string {
  const errors = Array.isArray(event["errors"])
    ? (event["errors"] as unknown[]).filter((error) => typeof error === "string")
    : [];
  return text || errors.join("\n") || `Claude Code reported ${JSON.stringify(event["subtype"] ?? "an error")} and no message.`;
}

/** Claude Code as agent. */
export const claudeTurn: Turn = async (input, world) => {
  const stream = new ClaudeStream(
    (text) => world.interim(text),
    (text) => world.log(text),
  );
  const lines = new Lines(LINE_LIMIT_BYTES, (line) => stream.line(line));
  const agent = world.start({
    argv: claudeArguments(input.sessionId, extraDirectories()),
    cwd: world.cwd,
    env: { ...world.env, CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD: "1" },
    prompt: input.prompt,
    onStdout: (chunk) => lines.add(chunk),
    onStderr: (chunk) => world.log(chunk),
  });
  const exit = await agent.exited;
  lines.end();
  return stream.output(exit);
};
