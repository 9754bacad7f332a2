import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { createInterface, type Interface } from "node:readline";
import type { Command } from "commander";
import pc from "picocolors";
import { findGroup, readGroups } from "../agents/groups/registry.ts";
import type { Home } from "../agents/home/home.ts";
import type { ChatEvent } from "../host/serve/chat-feed.ts";
import { callServe, watchServe } from "../host/serve/control-client.ts";
import { NovaError } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, jsonLine, visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

interface ChatOptions {
  readonly sender?: string;
  readonly history: string;
  readonly json?: boolean;
}

export function addChatCommand(program: Command, context: CLIContext): void {
  program
    .command("chat")
    .description("Talk with a group through the running `novabot serve`.")
    .argument("<chat>", "the chat id, or the group's folder or name")
    .argument("[text]", "a message; without one each line of stdin is a message")
    .option("--sender <name>", "who speaks; by default the user of this terminal")
    .option("--history <count>", "show this many messages from before", "0")
    .option("--json", "print each message of the chat as a JSON line")
    .action(async (name: string, text: string | undefined, options: ChatOptions, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const { jid } = findGroup(await readGroups(home), name, "chat");
      await new ChatTalk(home, jid, options, context).go(text);
    });
}

/** One sitting at a chat: says what it is told to, prints what comes, and ends when all it said is answered. */
class ChatTalk {
  readonly #home: Home;
  readonly #jid: string;
  readonly #options: ChatOptions;
  readonly #context: CLIContext;
  readonly #ended = new AbortController();
  readonly #open = new Set<string>();
  /** Ends that came before the acknowledgement did. */
  readonly #over = new Set<string>();
  /** Set while a person types. */
  #prompt: Interface | undefined;
  #nothingMore = false;
  #failed = false;

  constructor(home: Home, jid: string, options: ChatOptions, context: CLIContext) {
    this.#home = home;
    this.#jid = jid;
    this.#options = options;
    this.#context = context;
  }

  async go(text: string | undefined): Promise<void> {
    const history = Number(this.#options.history);
    if (!Number.isInteger(history) || history < 0) {
      throw new NovaError("USAGE", "--history is no whole number.", { place: "--history", next: "Give a number, 0 or more." });
    }
    const after = await this.#newest();
    const ready = Promise.withResolvers<void>();
    const watching = this.#watch(history ? -history : after, ready.resolve);
    watching.catch(ready.reject);
    await ready.promise;
    if (text !== undefined) await this.#say(text);
    else await this.#sayLines();
    this.#nothingMore = true;
    this.#endWhenAnswered();
    await watching;
    if (this.#open.size) {
      throw new NovaError("SERVE_NOT_RUNNING", "`novabot serve` ended before the answer came.", {
        next: "Start it again: the message is kept and will be answered; `novabot chat --history 5` shows it.",
      });
    }
    if (this.#failed) this.#context.setExitCode(1);
  }

  /** The number of the chat's newest message, so that old ones are not shown. */
  async #newest(): Promise<number> {
    const done = new AbortController();
    let newest = 0;
    for await (const event of watchServe(this.#home, this.#path(-1), done.signal)) {
      if (event.event === "message") newest = (event as ChatEvent & { event: "message" }).data.seq;
      if (event.event === "ready") done.abort();
    }
    return newest;
  }

  #path(after: number): string {
    return `/v1/chats/${encodeURIComponent(this.#jid)}/messages?after=${after}`;
  }

  async #watch(after: number, onReady: () => void): Promise<void> {
    const signal = AbortSignal.any([this.#ended.signal, this.#context.outputClosed]);
    for await (const event of watchServe(this.#home, this.#path(after), signal)) {
      if (event.event === "ready") onReady();
      else this.#showAbovePrompt(event as ChatEvent);
    }
  }

  /** What comes stands above the line that is being typed. */
  #showAbovePrompt(event: ChatEvent): void {
    if (this.#prompt) this.#context.stderr.write("\r\u001b[K");
    this.#show(event);
    this.#prompt?.prompt(true);
  }

  #show(event: ChatEvent): void {
    const { print, printAnswer, note, stdout } = this.#context;
    if (event.event === "message") {
      const { message } = event.data;
      if (this.#options.json) stdout.write(jsonLine(event.data));
      else if (message.kind === "notice") print(pc.yellow(visible(message.text)));
      else printAnswer(message.text);
    } else if (event.event === "retry") {
      note(pc.dim(visible(`${event.data.reason.split("\n", 1)[0]} Trying again in ${formatDuration(event.data.retryMs)}.`)));
    } else if (event.event === "over") {
      for (const id of event.data.messages) {
        this.#over.add(id);
        if (this.#open.delete(id) && event.data.outcome !== "success") this.#failed = true;
      }
      this.#endWhenAnswered();
    }
  }

  async #say(text: string): Promise<void> {
    const id = randomUUID();
    const sender = this.#options.sender ?? userInfo().username;
    this.#open.add(id);
    try {
      await callServe(this.#home, "/v1/deliver", {
        chatJid: this.#jid,
        sender,
        text,
        id,
        timestamp: new Date().toISOString(),
      });
    } catch (thrown) {
      this.#open.delete(id);
      this.#ended.abort();
      throw thrown;
    }
    if (this.#over.has(id)) this.#open.delete(id);
  }

  async #sayLines(): Promise<void> {
    const { stdin, stderr } = this.#context;
    const isTerminal = "isTTY" in stdin && stdin.isTTY === true;
    if (isTerminal) this.#context.note(pc.dim(`Talking with ${this.#jid}. Ctrl-D ends.`));
    const lines = createInterface({ input: stdin, ...(isTerminal ? { output: stderr, prompt: "› " } : {}) });
    this.#ended.signal.addEventListener("abort", () => lines.close());
    if (isTerminal) {
      lines.on("SIGINT", () => lines.close());
      this.#prompt = lines;
      lines.prompt();
    }
    for await (const line of lines) {
      if (line.trim() !== "") await this.#say(line);
      if (isTerminal) lines.prompt();
    }
    this.#prompt = undefined;
  }

  #endWhenAnswered(): void {
    if (this.#nothingMore && !this.#open.size) this.#ended.abort();
  }
}
