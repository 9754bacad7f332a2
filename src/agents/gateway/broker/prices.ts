import { z } from "zod";
import { NovaError, messageOf } from "../../../model/errors.ts";
import type { Tokens } from "./tokens.ts";

/** US dollars for a million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** A tenth of `input` when left out. */
  readonly cacheRead?: number | undefined;
  /** What holds for the whole of a request whose prompt, caches counted, is longer than this many tokens. */
  readonly long?:
    | { readonly over: number; readonly input: number; readonly output: number; readonly cacheRead?: number }
    | undefined;
}

const cacheReadShare = 0.1;
const fiveMinutesShare = 1.25;
const oneHourShare = 2;
const webSearchUSD = 0.01;
const million = 1_000_000;

/**
 * By the model's name as the API has it, without a date at its end. Standard prices of Anthropic's own API in US dollars for a
 * million tokens, from platform.claude.com/docs/en/about-claude/pricing and the models' pages there, as of 24 October 2026.
 * Batches, fast modes, regions and agreements of one's own are not in them.
 */
const listed: Readonly<Record<string, Price>> = {
  "claude-fable-5-1": { input: 10, output: 50, cacheRead: 0.25 },
  "claude-mythos-5-1": { input: 10, output: 50, cacheRead: 0.25 },
  "claude-fable-5": { input: 10, output: 50 },
  "claude-mythos-5": { input: 10, output: 50 },
  "claude-opus-5-5": { input: 4, output: 20, cacheRead: 0.2 },
  "claude-opus-5": { input: 5, output: 25 },
  "claude-opus-4-8": { input: 5, output: 25 },
  "claude-opus-4-7": { input: 5, output: 25 },
  "claude-opus-4-6": { input: 5, output: 25 },
  "claude-opus-4-5": { input: 5, output: 25 },
  "claude-opus-4-1": { input: 15, output: 75 },
  "claude-opus-4": { input: 15, output: 75 },
  "claude-sonnet-5-5": { input: 2, output: 10, cacheRead: 0.1 },
  "claude-sonnet-5": { input: 2, output: 10 },
  "claude-sonnet-4-6": { input: 3, output: 15 },
  "claude-sonnet-4-5": { input: 3, output: 15 },
  "claude-sonnet-4": { input: 3, output: 15 },
  "claude-haiku-5-5": { input: 0.1, output: 0.5, long: { over: 100_000, input: 0.5, output: 2.5 } },
  "claude-haiku-4-5": { input: 1, output: 5 },
  "claude-3-5-haiku": { input: 0.8, output: 4 },
};

export type Prices = ReadonlyMap<string, Price>;

const amount = z.number().min(0).max(100_000);
const ownPrices = z.record(z.string(), z.strictObject({ input: amount, output: amount, cacheRead: amount.optional() }));

/** The listed prices, and the owner's own from `NOVABOT_MODEL_PRICES`: `{"model": {"input": 3, "output": 15}}`. Throws `USAGE`. */
export function readPrices(env: Readonly<Record<string, string | undefined>>): Prices {
  const text = env["NOVABOT_MODEL_PRICES"];
  const prices = new Map(Object.entries(listed));
  if (!text) return prices;
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch (thrown) {
    throw unreadable(`is not JSON (${messageOf(thrown)})`, thrown);
  }
  const parsed = ownPrices.safeParse(written);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw unreadable(`cannot be used: ${issue?.path.length ? `${issue.path.join(".")}: ` : ""}${issue?.message}`, parsed.error);
  }
  for (const [model, price] of Object.entries(parsed.data)) prices.set(model, price);
  return prices;
}

function unreadable(reason: string, cause: unknown): NovaError {
  return new NovaError("USAGE", `NOVABOT_MODEL_PRICES ${reason}.`, {
    place: "NOVABOT_MODEL_PRICES",
    next: 'Write {"model": {"input": 3, "output": 15}}: US dollars for a million tokens.',
    cause,
  });
}

/** What one request cost in US dollars; null when the model's price is not known. */
export function costOf(prices: Prices, model: string, tokens: Tokens): number | null {
  const known = prices.get(model) ?? prices.get(model.replace(/-(?:\d{8}|latest|0)$/, ""));
  if (!known) return null;
  const cacheWrites = tokens.cacheWriteFiveMinutes + tokens.cacheWriteOneHour;
  const isLong = known.long !== undefined && tokens.input + tokens.cacheRead + cacheWrites > known.long.over;
  const price = isLong && known.long ? known.long : known;
  const inTokens =
    tokens.input * price.input +
    tokens.output * price.output +
    tokens.cacheRead * (price.cacheRead ?? price.input * cacheReadShare) +
    tokens.cacheWriteFiveMinutes * price.input * fiveMinutesShare +
    tokens.cacheWriteOneHour * price.input * oneHourShare;
  return inTokens / million + tokens.webSearches * webSearchUSD;
}
