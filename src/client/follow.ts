import type { Entry, EntryFilter } from "../model/entry.ts";
import type { NovaError } from "../model/errors.ts";
import type { Gap, Monitoring } from "./monitoring.ts";

/** What comes to who follows. */
export type FollowPart =
  | { readonly kind: "entries"; readonly entries: readonly Entry[]; readonly position: number }
  | { readonly kind: "live"; readonly position: number }
  | ({ readonly kind: "gap" } & Gap)
  /** The connection broke and is being made again; null: it is there again. What comes next follows what came before. */
  | { readonly kind: "break"; readonly error: NovaError | null };

/** Entries that wait for their reader. */
const MOST_WAITING = 20_000;

/**
 * Entries as they come, until the signal. A reader that is slower than they come lets them wait where they are kept: past a bound the subscription is
 * ended, and taken up again after the last entry that came, once the reader has read. Throws what ended it for good.
 */
export async function* follow(
  monitoring: Monitoring,
  filter: EntryFilter,
  { after, signal }: { readonly after: number | null; readonly signal: AbortSignal },
): AsyncGenerator<FollowPart> {
  const parts: FollowPart[] = [];
  let waiting = 0;
  let position = after;
  let failure: NovaError | null = null;
  let wake: () => void = () => undefined;
  const put = (part: FollowPart): void => {
    parts.push(part);
    wake();
  };
  let end: (() => void) | null = null;
  const begin = (): void => {
    end = monitoring.subscribe(filter, position, {
      entries: (entries, at) => {
        position = at;
        waiting += entries.length;
        put({ kind: "entries", entries, position: at });
        if (waiting < MOST_WAITING) return;
        end?.();
        end = null;
      },
      live: (at) => {
        position = at;
        put({ kind: "live", position: at });
      },
      gap: (gap) => {
        position = gap.upTo;
        put({ kind: "gap", ...gap });
      },
      broken: (error) => put({ kind: "break", error }),
      ended: (error) => {
        failure = error;
        wake();
      },
    });
  };
  const aborted = (): void => wake();
  signal.addEventListener("abort", aborted);
  begin();
  try {
    while (!signal.aborted) {
      const part = parts.shift();
      if (part) {
        if (part.kind === "entries") waiting -= part.entries.length;
        yield part;
        continue;
      }
      if (failure) throw failure as NovaError;
      if (!end) begin();
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      if (parts.length === 0 && !failure && !signal.aborted) await promise;
    }
  } finally {
    signal.removeEventListener("abort", aborted);
    (end as (() => void) | null)?.();
  }
}
