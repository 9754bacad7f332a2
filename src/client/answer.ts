import { apiAnswerSchemas } from "../model/api/answers.ts";
import type { APIAnswer, APICallName } from "../model/api/calls.ts";
import { NovaError } from "../model/errors.ts";

/** What a call was answered, where it has the form of its answer. Throws LINK_PROTOCOL. */
export function readAnswer<Name extends APICallName>(name: Name, value: unknown): APIAnswer<Name> {
  const parsed = apiAnswerSchemas[name].safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new NovaError("LINK_PROTOCOL", `The answer to ${name} is of another form: ${issue?.path.join(".")}: ${issue?.message}.`, {
    next: "Use the same release of NovaBot on both sides.",
  });
}
