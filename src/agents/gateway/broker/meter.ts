import type { Usage } from "../../../model/run.ts";
import { costOf, type Prices } from "./prices.ts";
import type { Reading } from "./reading.ts";

const mostModels = 20;

/** Sums up what the answers of one run counted: those that are over, and those that are still coming. */
export class Meter {
  readonly #prices: Prices;
  readonly #open = new Set<Reading>();
  #sum: Usage = {
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    costUSD: 0,
    models: [],
  };

  constructor(prices: Prices) {
    this.#prices = prices;
  }

  begin(reading: Reading): void {
    this.#open.add(reading);
  }

  /** The answer is over, whole or broken off. */
  finish(reading: Reading): void {
    if (this.#open.delete(reading)) this.#sum = this.#with(this.#sum, reading);
  }

  total(): Usage {
    return [...this.#open].reduce((sum, reading) => this.#with(sum, reading), this.#sum);
  }

  #with(sum: Usage, { model, tokens }: Reading): Usage {
    // An answer that counted nothing has no known price either.
    const cost = model === null ? null : costOf(this.#prices, model, tokens);
    const isNew = model !== null && !sum.models.includes(model) && sum.models.length < mostModels;
    return {
      requests: sum.requests + 1,
      inputTokens: sum.inputTokens + tokens.input,
      outputTokens: sum.outputTokens + tokens.output,
      cacheReadTokens: sum.cacheReadTokens + tokens.cacheRead,
      cacheWriteTokens: sum.cacheWriteTokens + tokens.cacheWriteFiveMinutes + tokens.cacheWriteOneHour,
      costUSD: sum.costUSD === null || cost === null ? null : sum.costUSD + cost,
      models: isNew ? [...sum.models, model] : sum.models,
    };
  }
}
