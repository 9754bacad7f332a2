import { isSessionID } from "../../model/names.ts";
import { containerOutputSchema, type ContainerOutput } from "../../model/protocol.ts";

const SMALL_BYTES = 64 * 1024;
const MOST_PARTS = 10_000;
const REASON_LENGTH = 200;

export type Answer = { readonly output: ContainerOutput } | { readonly reason: string };

/** The answer that a frame's payload holds, or why it holds none. The reason names fields, never their values. */
export function parseAnswer(payload: Buffer): Answer {
  if (payload.length > SMALL_BYTES && hasManyParts(payload)) return { reason: "not an answer: too many parts" };
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    return { reason: payload.length === 0 ? "empty" : "not JSON" };
  }
  // A session id that could not be given back to the agent is worth less than the answer beside it.
  if (isObject(value) && "newSessionId" in value && !isSessionID(value["newSessionId"])) delete value["newSessionId"];
  const checked = containerOutputSchema.safeParse(value);
  if (checked.success) return { output: checked.data };
  const issue = checked.error.issues[0];
  const field = issue?.path.join(".");
  return { reason: `not an answer: ${field ? `${field}: ` : ""}${issue?.message ?? "unreadable"}`.slice(0, REASON_LENGTH) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Whether a JSON text has so many values that parsing it would take far more memory than its bytes: an answer is a few
 * fields, however long its texts are.
 */
function hasManyParts(json: Buffer): boolean {
  let parts = 0;
  let inText = false;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (byte === 0x22) inText = !inText;
    else if (inText) {
      if (byte === 0x5c) index += 1;
    } else if (byte === 0x2c || byte === 0x5b || byte === 0x7b) {
      parts += 1;
      if (parts > MOST_PARTS) return true;
    }
  }
  return false;
}
