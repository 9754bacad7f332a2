import { plain } from "./lines.ts";
import { type Weight, weightOf } from "./prefix.ts";

/** An error out of one line of a JSON log: its stack where it has one. */
export interface JSONError {
  readonly lines: readonly string[];
  readonly weight: Weight | null;
}

const levelOf = /"(?:level|severity|lvl|levelname|log\.level)"\s{0,4}:\s{0,4}(?:"(\w{1,12})"|(\d{1,3}))/;
const holdsError = /"(?:stack|stack_trace|stacktrace|exc_info|exception|traceback|err|error)"\s{0,4}:\s{0,4}["{]/;
const stacks = [
  "stack",
  "stack_trace",
  "stacktrace",
  "exc_info",
  "exception",
  "traceback",
  "error.stack",
  "error.stack_trace",
] as const;

/** What pino, bunyan, winston and their like write. Null for a record that tells of no error. */
export function readJSONLine(text: string): JSONError | null {
  const level = levelOf.exec(text);
  const weight = level === null ? null : level[1] === undefined ? numbered(Number(level[2])) : weightOf(level[1]);
  const isGrave = weight === "error" || weight === "fatal";
  if (!isGrave && !holdsError.test(text)) return null;
  let record: Readonly<Record<string, unknown>>;
  try {
    // It begins with a brace: only an object can come of it.
    record = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return isGrave ? { lines: [cutOff(text)], weight } : null;
  }
  const inner = [record["err"], record["error"], record["exception"], record["e"]].find(
    (value) => typeof value === "object" && value !== null,
  );
  const message = word(record["msg"]) ?? word(record["message"]) ?? word(record["event"]);
  const error = inner === undefined ? null : errorLines(inner as Readonly<Record<string, unknown>>);
  const stack = error ?? stackOf(record);
  if (stack !== null) return { lines: stack, weight };
  if (!isGrave) return null;
  const told = word(record["error"]) ?? word(record["err"]);
  const sentence = [message, told].filter((part) => part !== undefined && part !== "").join(": ");
  return sentence === "" ? null : { lines: split(sentence), weight };
}

function errorLines(error: Readonly<Record<string, unknown>>): readonly string[] | null {
  const stack = stackOf(error);
  if (stack !== null) return stack;
  const message = word(error["message"]) ?? word(error["msg"]);
  const name = word(error["type"]) ?? word(error["name"]) ?? word(error["kind"]);
  if (message === undefined && name === undefined) return null;
  return split(`${name ?? "Error"}: ${message ?? ""}`);
}

function stackOf(holder: Readonly<Record<string, unknown>>): readonly string[] | null {
  for (const key of stacks) {
    const value = holder[key];
    if (typeof value === "string" && value.includes("\n")) return split(value);
    if (Array.isArray(value) && value.length > 1 && value.every((line) => typeof line === "string"))
      return value.slice(0, 400).map(plain);
  }
  return null;
}

function split(text: string): string[] {
  return plain(text).split(/\r?\n/, 400);
}

function word(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numbered(level: number): Weight {
  return level >= 60 ? "fatal" : level >= 50 ? "error" : level >= 40 ? "warning" : "low";
}

/** A record that was too long for one line: what it says as far as it goes. */
function cutOff(text: string): string {
  const message = /"(?:msg|message)"\s{0,4}:\s{0,4}"((?:[^"\\]|\\.){1,500})/.exec(text)?.[1];
  return message ?? text.slice(0, 500);
}
