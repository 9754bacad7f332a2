import { isSessionID } from "../../model/names.ts";
import type { ContainerOutput } from "../../model/protocol.ts";
import { type AgentExit, exitError } from "./agent-process.ts";
import { failed } from "./turn.ts";

interface Block {
  readonly type?: unknown;
  readonly text?: unknown;
}

interface Result {
  readonly text: string | null;
  readonly error: string | undefined;
  readonly sessionId: string | undefined;
  /** It went out already, before something that came after it. */
  sent: boolean;
}

export interface ClaudeListener {
  /** A text that is not the last of its turn. */
  interim(text: string): void;
  log(text: string): void;
  /** A turn has ended, well or not; nothing more comes until Claude Code is given something, unless it goes on by itself. */
  onTurn?(): void;
}

/** Follows Claude Code's stream of JSON lines. */
export class ClaudeStream {
  readonly #listener: ClaudeListener;
  // One text is held back until something follows it: the last one is the answer, and must not be sent twice.
  #held: string | undefined;
  #result: Result | undefined;
  #hasBackground = false;

  constructor(listener: ClaudeListener) {
    this.#listener = listener;
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
    if (event["type"] === "system") this.#system(event);
  }

  /** A turn has ended with an answer, and the next has not begun. */
  get endedWell(): boolean {
    return this.#result !== undefined && this.#result.error === undefined;
  }

  /** The answer of a turn that has ended well. It is given away: another turn follows. */
  next(): ContainerOutput | undefined {
    const result = this.#result;
    if (result === undefined || result.error !== undefined) return undefined;
    this.#result = undefined;
    return answer(result);
  }

  /** The last frame, when the program has exited as `exit` says. */
  output(exit: AgentExit): ContainerOutput {
    const result = this.#result;
    this.#flush();
    if (result === undefined) {
      return failed(exitError("Claude Code", exit) ?? `Claude Code exited without a result. ${exit.stderr}`.trim());
    }
    return result.error === undefined ? answer(result) : failed(explain(result.error, exit.stderr));
  }

  #assistant(event: Record<string, unknown>): void {
    const content = (event["message"] as { content?: unknown } | undefined)?.content;
    if (!Array.isArray(content)) return;
    for (const block of content as Block[]) {
      if (block?.type !== "text" || typeof block.text !== "string" || block.text.trim() === "") continue;
      this.#passResult();
      this.#flush();
      this.#held = block.text;
    }
  }

  #settle(event: Record<string, unknown>): void {
    this.#passResult();
    const text = typeof event["result"] === "string" ? event["result"] : null;
    const sessionId = isSessionID(event["session_id"]) ? event["session_id"] : undefined;
    const isError = event["is_error"] === true || event["subtype"] !== "success";
    const error = isError ? errorText(event, text) : undefined;
    if (this.#held?.trim() === (error ?? text)?.trim()) this.#held = undefined;
    this.#flush();
    this.#result = { text, sessionId, error, sent: false };
    // Claude Code waits for what it left in the background, perhaps for minutes; its answer does not.
    if (this.#hasBackground) this.#passResult();
    this.#listener.onTurn?.();
  }

  #system(event: Record<string, unknown>): void {
    if (event["subtype"] === "api_retry") this.#listener.log(retryText(event));
    const tasks = event["tasks"];
    if (event["subtype"] === "background_tasks_changed") this.#hasBackground = Array.isArray(tasks) && tasks.length > 0;
  }

  /** Claude Code goes on by itself after a turn when something that it left in the background has ended. */
  #passResult(): void {
    const result = this.#result;
    if (result === undefined || result.sent || result.error !== undefined) return;
    if (result.text !== null) this.#listener.interim(result.text);
    result.sent = true;
  }

  #flush(): void {
    if (this.#held !== undefined) this.#listener.interim(this.#held);
    this.#held = undefined;
  }
}

function answer({ text, sent, sessionId }: Result): ContainerOutput {
  return { status: "success", result: sent ? null : text, ...(sessionId === undefined ? {} : { newSessionId: sessionId }) };
}

/** Without this line a run that ends by timeout, because the API cannot be reached, would not say so anywhere. */
function retryText(event: Record<string, unknown>): string {
  const status = typeof event["error_status"] === "number" ? `status ${event["error_status"]}` : "no answer";
  return `Claude Code: ${status} from the API, try ${Number(event["attempt"])} of ${Number(event["max_retries"])} failed.\n`;
}

/** An error with what belongs to it: before it what to do when there is no key, and after it the end of stderr unless that says the same. */
function explain(error: string, stderr: string): string {
  const login = "Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in the .env file of NovaBot's home.";
  const lines = [error, ...(stderr === "" || stderr.includes(error) || error.includes(stderr) ? [] : [stderr])];
  return [...(/not logged in|please run \/login/i.test(error) ? [login] : []), ...lines].join("\n");
}

function errorText(event: Record<string, unknown>, text: string | null): string {
  const errors = Array.isArray(event["errors"])
    ? (event["errors"] as unknown[]).filter((error) => typeof error === "string")
    : [];
  return text || errors.join("\n") || `Claude Code reported ${JSON.stringify(event["subtype"] ?? "an error")} and no message.`;
}
