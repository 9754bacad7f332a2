/** What a scalar without a tag or quotes is to yaml.v3, the parser of Compose: YAML 1.2's core schema with octals, underscores and dates of YAML 1.1. */
export interface ResolvedScalar {
  readonly value: string | number | boolean | null;
  readonly form?: "float" | "time";
}

const WORDS: ReadonlyMap<string, ResolvedScalar> = new Map<string, ResolvedScalar>([
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, { value: null }] as const),
  ...["true", "True", "TRUE"].map((word) => [word, { value: true }] as const),
  ...["false", "False", "FALSE"].map((word) => [word, { value: false }] as const),
  ...[".nan", ".NaN", ".NAN"].map((word) => [word, { value: Number.NaN, form: "float" }] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((word) => [word, { value: Infinity, form: "float" }] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((word) => [word, { value: -Infinity, form: "float" }] as const),
]);
const INTEGER = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|\s+)(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d{2}:\d{2})?)?$/;

export function resolvePlain(text: string): ResolvedScalar {
  const first = text.codePointAt(0) ?? 0;
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  const digit = first >= 0x30 && first <= 0x39;
  if (!digit && first !== 0x2b && first !== 0x2d && first !== 0x2e) return { value: text };
  if (digit) {
    const time = timeOf(text);
    if (time !== undefined) return { value: time, form: "time" };
  }
  const plain = text.replaceAll("_", "");
  if (first !== 0x2e && INTEGER.test(plain)) {
    const value = integerOf(plain);
    if (value !== undefined) return { value };
  }
  if (FLOAT.test(plain)) {
    const value = Number(plain);
    // Go refuses what does not fit into a float, and the text stays a text.
    if (Number.isFinite(value)) return { value, form: "float" };
  }
  return { value: text };
}

/** Undefined when it does not fit into 64 bits: then it is a float. */
function integerOf(text: string): number | undefined {
  const negative = text.startsWith("-");
  const digits = text.replace(/^[-+]/, "");
  const big = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
  if (big > (negative ? 9223372036854775808n : 18446744073709551615n)) return undefined;
  return Number(negative ? -big : big);
}

/** The whole number of a scalar as decimal text, also where it is too large for a number. */
export function integerText(written: string, value: number): string {
  const digits = written.replaceAll("_", "");
  if (Number.isSafeInteger(value) || !INTEGER.test(digits)) return String(value);
  const negative = digits.startsWith("-");
  const plain = digits.replace(/^[-+]/, "");
  return `${negative ? "-" : ""}${BigInt(/^0[0-7]+$/.test(plain) ? `0o${plain}` : plain)}`;
}

/** A date as Go's JSON writes it, which is what a schema sees. */
function timeOf(text: string): string | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [, year = "", month = "", day = "", hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  if (zone === undefined && /[Tt]/.test(text)) return undefined;
  if (zone !== undefined && !/[Tt]/.test(text)) return undefined;
  const two = (part: string): string => part.padStart(2, "0");
  const stamp = `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
  const date = new Date(`${stamp}Z`);
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(day)) return undefined;
  const rest = fraction.slice(0, 10).replace(/\.?0*$/, "");
  return `${stamp}${rest}${zone ?? "Z"}`;
}
