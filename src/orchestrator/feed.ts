import type { Entry, EntryFilter } from "../model/entry.ts";

/** What a subscriber gets. */
export type FeedPart =
  | {
      readonly kind: "entries";
      /** Empty where the filter took nothing of a long stretch: then only the cursor moved. */
      readonly entries: readonly Entry[];
      readonly position: number;
      /** The entries as a JSON array; made once for all who follow by the same filter. */
      text(): string;
    }
  | { readonly kind: "live"; readonly position: number }
  | {
      readonly kind: "gap";
      readonly reason: "slow reader" | "no longer kept";
      readonly after: number;
      readonly upTo: number;
      readonly entries: number | null;
    };

/** The orchestrator's entries as they come, for those who follow: `/ws/monitoring`, followed logs of REST, streams of RPC. */
export interface Feed {
  /** Of the newest entry that was told. */
  readonly position: number;
  /**
   * What the filter takes after the position `after` (from now on when null), in order, each entry once, and then as it comes, until the signal. A
   * reader that is slower than what comes finds a gap, never a queue without end: nothing is queued for one reader, and what is held for all is
   * bounded in bytes. Rejects as the store does.
   */
  follow(filter: EntryFilter, after: number | null, signal: AbortSignal): AsyncIterable<FeedPart>;
}
