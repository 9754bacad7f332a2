import type { Hello } from "../../model/link.ts";
import type { RecordBatch } from "../../model/record.ts";

/** Where a collector puts a worker's records. */
export interface Sink {
  /** The last record of each boot that is kept, asked anew for each connection: nothing up to it is sent again. The newest boots suffice. */
  have(): Promise<readonly { readonly bootID: string; readonly seq: number }[]>;
  /**
   * Takes records in; called for one batch after the other. When it resolves they are kept, and the worker may let them go. When it rejects the
   * connection is given up, and they come again. `signal`: the connection is over, and nobody waits for it any more.
   */
  keep(batch: RecordBatch, from: Hello, signal: AbortSignal): Promise<void>;
}
