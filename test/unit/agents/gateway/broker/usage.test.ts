import { expect, test } from "vitest";
import { Meter } from "../../../../../src/agents/gateway/broker/meter.ts";
import { readPrices } from "../../../../../src/agents/gateway/broker/prices.ts";
import { Reading } from "../../../../../src/agents/gateway/broker/reading.ts";

const start = (usage: object, model = "claude-sonnet-4-5-20250929"): string =>
  `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message: { model, usage } })}\n\n`;
const delta = (usage: object): string =>
  `event: message_delta\ndata: ${JSON.stringify({ type: "message_delta", delta: {}, usage })}\n\n`;
const text = (words: string): string =>
  `event: content_block_delta\ndata: ${JSON.stringify({ type: "content_block_delta", delta: { text: words } })}\n\n`;

function read(stream: string, type = "text/event-stream; charset=utf-8", bytes = 7): Reading {
  const reading = new Reading(type);
  const all = Buffer.from(stream);
  for (let at = 0; at < all.length; at += bytes) reading.write(all.subarray(at, at + bytes));
  reading.end();
  return reading;
}

function cost(...readings: readonly Reading[]): number | null {
  const meter = new Meter(readPrices({}));
  for (const reading of readings) {
    meter.begin(reading);
    meter.finish(reading);
  }
  return meter.total().costUSD;
}

const million = 1_000_000;

test("counts are running totals, cut anywhere, and a later one stands for an earlier one", () => {
  const { model, tokens } = read(
    start({ input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 7, output_tokens: 1 }) +
      text('é says "usage": {"output_tokens": 99}') +
      delta({ output_tokens: 20 }) +
      delta({ output_tokens: 40, input_tokens: 12 }),
  );
  expect(model).toBe("claude-sonnet-4-5-20250929");
  expect(tokens).toEqual({ input: 12, output: 40, cacheRead: 5, cacheWriteFiveMinutes: 7, cacheWriteOneHour: 0, webSearches: 0 });
});

test("an answer in one piece is counted too", () => {
  const body = { type: "message", model: "claude-opus-4-1", usage: { input_tokens: 3, output_tokens: 4 } };
  expect(read(JSON.stringify(body), "application/json").tokens).toMatchObject({ input: 3, output: 4 });
});

test("prices of input, output, caches and searches", () => {
  expect(cost(read(start({ input_tokens: million, output_tokens: 0 })))).toBeCloseTo(3);
  expect(cost(read(start({ output_tokens: million })))).toBeCloseTo(15);
  expect(cost(read(start({ cache_read_input_tokens: million })))).toBeCloseTo(0.3);
  const writes = { ephemeral_5m_input_tokens: million, ephemeral_1h_input_tokens: million };
  expect(cost(read(start({ cache_creation_input_tokens: 2 * million, cache_creation: writes })))).toBeCloseTo(3.75 + 6);
  expect(cost(read(start({ cache_creation_input_tokens: million })))).toBeCloseTo(3.75);
  expect(cost(read(start({ server_tool_use: { web_search_requests: 3 } })))).toBeCloseTo(0.03);
  expect(cost(read(start({ cache_read_input_tokens: million }, "claude-sonnet-5-5")))).toBeCloseTo(0.1);
  expect(cost(read(start({ input_tokens: 100_000, output_tokens: million }, "claude-haiku-5-5")))).toBeCloseTo(0.01 + 0.5);
  expect(cost(read(start({ input_tokens: 100_001, output_tokens: million }, "claude-haiku-5-5")))).toBeCloseTo(0.05 + 2.5, 4);
});

test("a model without a price makes the cost unknown, not zero; the owner can give it one", () => {
  expect(cost(read(start({ input_tokens: 1 })), read(start({ input_tokens: 1 }, "someone-elses")))).toBeNull();
  expect(cost(read("nothing that counts"))).toBeNull();
  const meter = new Meter(readPrices({ NOVABOT_MODEL_PRICES: '{"someone-elses":{"input":1,"output":2}}' }));
  meter.begin(read(start({ input_tokens: million, output_tokens: million }, "someone-elses")));
  expect(meter.total()).toEqual({
    requests: 1,
    inputTokens: million,
    outputTokens: million,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    costUSD: 3,
    models: ["someone-elses"],
  });
  const wrong = (written: string) => () => readPrices({ NOVABOT_MODEL_PRICES: written });
  expect(wrong('{"m":{"input":"1","output":2}}')).toThrow(/^NOVABOT_MODEL_PRICES cannot be used: m\.input: [^\n]*\.$/);
  expect(wrong("{")).toThrow(/^NOVABOT_MODEL_PRICES is not JSON/);
});

test("what is broken is passed over and what comes after it is read", () => {
  const broken = 'data: {"usage": nonsense\n\ndata: {"type":"message_start","message":7,"usage":1}\n\n:\n\x00\xff\n\n';
  expect(read(broken + start({ input_tokens: 4 })).tokens.input).toBe(4);
  expect(read(start({ input_tokens: -1, output_tokens: 1.5, cache_read_input_tokens: "9" })).tokens).toMatchObject({
    input: 0,
    output: 0,
    cacheRead: 0,
  });
});

test("an endless line is read past in bounded memory", () => {
  const reading = new Reading("text/event-stream");
  const noise = Buffer.alloc(1024 * 1024, "x");
  reading.write(Buffer.from("data: "));
  const before = process.memoryUsage().rss;
  for (let at = 0; at < 200; at += 1) reading.write(noise);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  reading.write(Buffer.from(`\n\n${start({ input_tokens: 6 })}`));
  expect(reading.tokens.input).toBe(6);
});
