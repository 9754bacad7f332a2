import type * as z from "zod";
import { type CallFailure, MESSAGE_LIMIT, type WorkerMessage } from "../../model/link.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";

/** What was thrown, as the other side gets it. */
export function failureOf(thrown: unknown): CallFailure {
  const error = thrown instanceof NovaError ? thrown : new NovaError("INTERNAL", messageOf(thrown), { cause: thrown });
  return { code: error.code, message: error.message.slice(0, 65_536), next: error.next.slice(0, 65_536) };
}

/** What `schema` makes of JSON text. Throws LINK_PROTOCOL with the field that is wrong. */
export function parseMessage<Message>(text: string, schema: z.ZodType<Message>): Message {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new NovaError("LINK_PROTOCOL", `a message is no JSON: ${quote(text)}`);
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  throw new NovaError("LINK_PROTOCOL", `a message is not as it must be: ${fieldsOf(read.error)}: ${quote(text)}`);
}

/** The fields that a schema refused, with what it says of each. */
export function fieldsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.length > 0 ? issue.path.map(String).join(".") : "(all)"}: ${issue.message}`)
    .join("; ");
}

/** The message as JSON; where it is an answer too long to be sent, a failure that says so. */
export function answerText(message: WorkerMessage & { readonly id: number }): string {
  const text = JSON.stringify(message);
  if (fits(text)) return text;
  const failure = new NovaError("CALL_INVALID", `the answer is longer than the ${MESSAGE_LIMIT} bytes that a message may have`, {
    next: "Ask for less: fewer instances, or a smaller limit.",
  });
  return JSON.stringify({ type: "failure", id: message.id, error: failureOf(failure) } satisfies WorkerMessage);
}

/** Whether it is short enough for one message. */
export function fits(text: string, limit: number = MESSAGE_LIMIT): boolean {
  // Three bytes of UTF-8 are the most that one unit of UTF-16 takes.
  return text.length * 3 <= limit || (text.length <= limit && Buffer.byteLength(text) <= limit);
}
