import { TERMINAL_PROTOCOL } from "../../model/terminal-frames.ts";

/** What a viewer asks of a worker's `/terminal`. */
export interface TerminalRequest {
  /** To come back to, with the offset of the next byte that is wanted. */
  readonly session?: string;
  readonly offset?: number;
  readonly columns?: number;
  readonly rows?: number;
  readonly readonly?: boolean;
  /** Opens in the environment and directory of this instance. */
  readonly instance?: string;
}

/** Path, query and subprotocols of the connection, for whatever kind of socket makes it. */
export function terminalConnection(request: TerminalRequest): { readonly path: string; readonly protocols: readonly string[] } {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request))
    if (value !== undefined) query.set(name, value === true ? "1" : String(value));
  if (request.readonly === false) query.delete("readonly");
  const text = query.toString();
  return { path: text === "" ? "/terminal" : `/terminal?${text}`, protocols: [TERMINAL_PROTOCOL] };
}
