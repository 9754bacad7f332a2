import { type ErrorCode, errorCodes, NovaError, quote } from "../model/errors.ts";
import { problemSchema } from "../model/api/problem.ts";

/** The error in what a door answered with an error's status; `text` is its body, whoever wrote it. */
export function errorInAnswer(status: number, text: string, url: string): NovaError {
  const parsed = problemSchema.safeParse(parsedJSON(text));
  if (!parsed.success) {
    return new NovaError("LINK_LOST", `${url} answered ${status}, and not as NovaBot does: ${quote(text, 200)}`, {
      next: "See that the address is that of a `novabot up`, and what stands between it and here.",
      facts: { status },
    });
  }
  const { code, detail, next, place, candidates } = parsed.data;
  return new NovaError(knownCode(code), detail, {
    next,
    ...(place === undefined ? {} : { place }),
    facts: { status, ...(candidates === undefined ? {} : { candidates }) },
  });
}

/** A newer orchestrator may have codes that are not known here. */
export function knownCode(code: string): ErrorCode {
  return Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : "INTERNAL";
}

function parsedJSON(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
