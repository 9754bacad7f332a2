import * as z from "zod";
import { NovaError } from "../../model/errors.ts";
import { instanceIDSchema } from "../../model/instance.ts";
import { TERMINAL_SIZE_LIMIT } from "../../model/terminal-frames.ts";
import type { TerminalRequest } from "../../workers/link/terminal.ts";

export interface TerminalQuestion {
  readonly request: TerminalRequest;
  readonly record: boolean;
  readonly ticket: string | null;
}

const whole = (least: number, most: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,16}$/, "it is no whole number")
    .transform(Number)
    .pipe(z.number().min(least).max(most));
const flag = z.enum(["0", "1", "true", "false", ""]).transform((text) => text !== "0" && text !== "false");

const querySchema = z.object({
  session: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .exactOptional(),
  offset: whole(0, Number.MAX_SAFE_INTEGER).exactOptional(),
  columns: whole(2, TERMINAL_SIZE_LIMIT).exactOptional(),
  rows: whole(1, TERMINAL_SIZE_LIMIT).exactOptional(),
  instance: instanceIDSchema.exactOptional(),
  readonly: flag.default(false),
  record: flag.default(false),
  ticket: z.string().max(512).nullable().default(null),
});

/** What a connection's query asks. Throws REQUEST_INVALID. */
export function readQuestion(query: URLSearchParams): TerminalQuestion {
  const parsed = querySchema.safeParse(Object.fromEntries(query));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.join(".") ?? "query";
    throw new NovaError("REQUEST_INVALID", `The terminal's ${place} cannot be used: ${issue?.message ?? "it has no form"}.`, {
      place,
    });
  }
  const { record, ticket, readonly, ...rest } = parsed.data;
  return { request: readonly ? { ...rest, readonly } : rest, record, ticket };
}
