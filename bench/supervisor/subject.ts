/** A supervisor that is measured: NovaBot's or another. */
export interface Subject {
  readonly name: string;
  /** The process whose work and memory count. */
  readonly pid: number;
  /** Starts a program under it; `restarts`: at once, whenever it ends and however often. */
  start(id: string, argv: readonly string[], restarts: boolean): Promise<void>;
  /** Resolves when the program's output is where it keeps it: whole, or as much as comes. */
  captured(id: string, bytes: number): Promise<Captured>;
  remove(id: string): Promise<void>;
  close(): Promise<void>;
}

export interface Captured {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Lines that were kept as they were written. */
  lines(written: Buffer): Promise<number>;
}
