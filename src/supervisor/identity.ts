/** Who this supervisor is, as every record says. */
export interface Identity {
  readonly worker: string;
  readonly container: string;
  readonly bootID: string;
  readonly version: string;
  readonly bootedAtMs: number;
}
