import { messageOf, NovaError } from "../../model/errors.ts";

/** One thing that the doctor looked at. */
export interface Check {
  readonly name: string;
  /** `fail` keeps runs from working, `warn` may surprise somebody, `ok` is in order. */
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  /** How to mend it. */
  readonly next?: string;
}

/** What was thrown, as a check that failed. */
export function failure(name: string, thrown: unknown): Check {
  const next = thrown instanceof NovaError ? thrown.next : undefined;
  const place = thrown instanceof NovaError && thrown.place ? ` (${thrown.place})` : "";
  return { name, status: "fail", detail: `${messageOf(thrown)}${place}`, ...(next === undefined ? {} : { next }) };
}
