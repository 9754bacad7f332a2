/** What the API counted for one request. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWriteFiveMinutes: number;
  readonly cacheWriteOneHour: number;
  readonly webSearches: number;
}

export const noTokens: Tokens = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWriteFiveMinutes: 0,
  cacheWriteOneHour: 0,
  webSearches: 0,
};

/**
 * The counts of a `usage` object of the Messages API over those that were known. They are running totals: a later one stands in
 * place of an earlier one, and what it leaves out stays.
 */
export function readTokens(usage: unknown, before: Tokens): Tokens {
  if (!isRecord(usage)) return before;
  const writes = usage["cache_creation"];
  const written = count(usage["cache_creation_input_tokens"]) ?? before.cacheWriteFiveMinutes + before.cacheWriteOneHour;
  const oneHour = (isRecord(writes) ? count(writes["ephemeral_1h_input_tokens"]) : undefined) ?? before.cacheWriteOneHour;
  const fiveMinutes = isRecord(writes) ? count(writes["ephemeral_5m_input_tokens"]) : undefined;
  const tools = usage["server_tool_use"];
  return {
    input: count(usage["input_tokens"]) ?? before.input,
    output: count(usage["output_tokens"]) ?? before.output,
    cacheRead: count(usage["cache_read_input_tokens"]) ?? before.cacheRead,
    cacheWriteFiveMinutes: fiveMinutes ?? Math.max(0, written - oneHour),
    cacheWriteOneHour: oneHour,
    webSearches: (isRecord(tools) ? count(tools["web_search_requests"]) : undefined) ?? before.webSearches,
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
