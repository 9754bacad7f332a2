import type { Caller } from "../model/api/access.ts";
import type { APIAnswer, APICallName, APIParams } from "../model/api/calls.ts";

export type Door = "api" | "websocket" | "rpc";

/**
 * Every call of the orchestrator, for whichever door it came through: checks the parameters against the schema (REQUEST_INVALID), the caller's role
 * (ACCESS_FORBIDDEN), does it, and writes an audit row when it changes something, also when it failed.
 */
export interface Operations {
  call<Name extends APICallName>(
    name: Name,
    params: APIParams<Name>,
    by: { readonly caller: Caller; readonly door: Door; readonly signal?: AbortSignal },
  ): Promise<APIAnswer<Name>>;
  /** The same with a name and parameters that nobody has looked at. */
  callUnknown(
    name: string,
    params: unknown,
    by: { readonly caller: Caller; readonly door: Door; readonly signal?: AbortSignal },
  ): Promise<unknown>;
}
