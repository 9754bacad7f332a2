import { NovaError } from "../../model/errors.ts";
import { problemOf } from "../rest/problem.ts";

/**
 * What a call rejects with. Ways of RPC differ in what they carry of an Error, its message they all do: the code stands there, too. What is no NovaError
 * is not told.
 */
export function failureOf(thrown: unknown): Error {
  const { code, detail, next, status, place, candidates } = problemOf(thrown);
  const error = new Error(`${code}: ${detail}`);
  return Object.assign(error, {
    code,
    next,
    status,
    ...(place === undefined ? {} : { place }),
    ...(candidates === undefined ? {} : { candidates }),
  });
}

/** Whether it was foreseen: what was not belongs into the log. */
export function isForeseen(thrown: unknown): boolean {
  return thrown instanceof NovaError;
}
