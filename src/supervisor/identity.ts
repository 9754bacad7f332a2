import { randomBytes } from "node:crypto";

/** Who this supervisor is, as every record says. */
export interface Identity {
  readonly worker: string;
  readonly container: string;
  readonly bootID: string;
  readonly version: string;
  readonly bootedAtMs: number;
}

/** An identity for this boot alone. */
export function newIdentity(names: { readonly worker: string; readonly container: string }, version: string): Identity {
  return {
    worker: names.worker,
    container: names.container,
    bootID: randomBytes(16).toString("hex"),
    version,
    bootedAtMs: Date.now(),
  };
}
