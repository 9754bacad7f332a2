import { NovaError } from "../../model/errors.ts";
import { TERMINAL_SIZE_LIMIT } from "../../model/terminal-frames.ts";
import type { Size } from "./screen.ts";

/** What the query of a connection asks for. */
export interface TerminalRequest {
  /** The one to come back to; null: a new one. */
  readonly session: string | null;
  /** What the viewer has of it already. */
  readonly offset: number | null;
  readonly size: Size | null;
  readonly isReadonly: boolean;
  /** Opens in this instance's place. */
  readonly instance: string | null;
  /** Opened to see whether terminals open. */
  readonly isProbe: boolean;
}

/** Reads `session`, `offset`, `columns`, `rows`, `readonly`, `instance` and `purpose`. Throws TERMINAL_FAILED. */
export function readRequest(url: string): TerminalRequest {
  const at = url.indexOf("?");
  const query = new URLSearchParams(at === -1 ? "" : url.slice(at));
  const columns = numberIn(query, "columns", 2, TERMINAL_SIZE_LIMIT);
  const rows = numberIn(query, "rows", 1, TERMINAL_SIZE_LIMIT);
  const isReadonly = query.get("readonly");
  return {
    session: query.get("session"),
    offset: numberIn(query, "offset", 0, Number.MAX_SAFE_INTEGER),
    size: columns === null && rows === null ? null : { columns: columns ?? 80, rows: rows ?? 24 },
    isReadonly: isReadonly !== null && !["0", "false"].includes(isReadonly),
    instance: query.get("instance"),
    isProbe: query.get("purpose") === "health",
  };
}

function numberIn(query: URLSearchParams, name: string, least: number, most: number): number | null {
  const text = query.get(name);
  if (text === null || text === "") return null;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new NovaError("TERMINAL_FAILED", `${name}=${text.slice(0, 40)} is not a number within ${least} and ${most}`, {
    place: name,
  });
}
