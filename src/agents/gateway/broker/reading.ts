import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceParser } from "eventsource-parser";
import { isRecord, noTokens, readTokens, type Tokens } from "./tokens.ts";

/** One event is a few KiB; an answer in one piece holds a model's longest output. */
const longestEvent = 1024 * 1024;
const longestBody = 8 * 1024 * 1024;
const longestModel = 120;

/**
 * Reads along with one answer of the Messages API and picks out its counts, in bounded memory. What it cannot read it leaves:
 * nothing here can disturb the answer that passes.
 */
export class Reading {
  /** As the API names it; before it did, null. */
  model: string | null = null;
  tokens: Tokens = noTokens;
  readonly #parser: EventSourceParser | null;
  readonly #decoder = new StringDecoder("utf8");
  #body: Buffer[] | null;
  #bytes = 0;

  constructor(contentType: string) {
    const isStream = /^text\/event-stream\b/i.test(contentType);
    this.#parser = isStream ? createParser({ maxBufferSize: longestEvent, onEvent: ({ data }) => this.#take(data) }) : null;
    this.#body = /^application\/json\b/i.test(contentType) ? [] : null;
  }

  write(chunk: Buffer): void {
    if (this.#parser) {
      try {
        this.#parser.feed(this.#decoder.write(chunk));
      } catch {
        // Past its limit the parser refuses more until it is reset; the next whole event is read again.
        this.#parser.reset();
      }
    } else if (this.#body) {
      this.#bytes += chunk.length;
      if (this.#bytes > longestBody) this.#body = null;
      else this.#body.push(chunk);
    }
  }

  end(): void {
    if (this.#parser) this.write(Buffer.from("\n\n"));
    else if (this.#body) this.#take(Buffer.concat(this.#body).toString("utf8"));
    this.#body = null;
  }

  /** An event of a stream, or a whole answer. */
  #take(text: string): void {
    // Most events carry a piece of text and no counts.
    if (!text.includes('"usage"')) return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    if (!isRecord(value)) return;
    const message = value["type"] === "message_start" ? value["message"] : value;
    if (!isRecord(message)) return;
    if (typeof message["model"] === "string") this.model = message["model"].slice(0, longestModel);
    this.tokens = readTokens(message["usage"], this.tokens);
  }
}
