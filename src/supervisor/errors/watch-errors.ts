import type { LogStream } from "../../model/record.ts";
import type { LineBlock } from "../capture/line-block.ts";
import { errorBounds, type ErrorBounds } from "./bounds.ts";
import type { ErrorWatch, OnError } from "./error-watch.ts";
import { gatherErrors, type Gatherer } from "./gather.ts";
import { keepGroups } from "./groups.ts";
import { textOf } from "./lines.ts";
import { suspects } from "./needles.ts";
import { keepTail, type Tail } from "./tail.ts";

interface Watched {
  readonly streams: Readonly<Record<LogStream, { readonly gatherer: Gatherer; readonly tail: Tail }>>;
  /** Of both streams together. */
  readonly tail: Tail;
  /** How many lines may be read now. */
  tokens: number;
  filledMs: number;
}

/** A JSON record may have a whole stack in one line; of other lines less is enough. */
const JSON_BYTES = 65_536;

/**
 * The watch over all instances of a supervisor. An error's lines are gathered for each stream by itself, so that what the other
 * one writes meanwhile does not tear it apart.
 */
export function watchErrors(options: {
  readonly onError: OnError;
  readonly now?: () => number;
  readonly bounds?: Partial<ErrorBounds>;
}): ErrorWatch {
  const { onError, now = Date.now } = options;
  const bounds: ErrorBounds = { ...errorBounds, ...options.bounds };
  const groups = keepGroups({ bounds, now, onError });
  const instances = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function watch(instance: string): Watched {
    let watched = instances.get(instance);
    if (watched === undefined) {
      const stream = (): { gatherer: Gatherer; tail: Tail } => ({
        gatherer: gatherErrors(bounds, (error) => groups.add(instance, error)),
        tail: keepTail(),
      });
      watched = {
        streams: { stdout: stream(), stderr: stream() },
        tail: keepTail(),
        tokens: bounds.readLinesAtOnce,
        filledMs: now(),
      };
      instances.set(instance, watched);
    }
    return watched;
  }

  function openGatherers(): Gatherer[] {
    return [...instances.values()]
      .flatMap(({ streams }) => [streams.stdout.gatherer, streams.stderr.gatherer])
      .filter((gatherer) => gatherer.isOpen);
  }

  function tick(): void {
    timer = undefined;
    const nowMs = now();
    for (const gatherer of openGatherers()) if (nowMs - gatherer.touchedMs >= bounds.idleMs) gatherer.close();
    groups.tell(false);
    arm();
  }

  /** Runs only while something waits: an idle supervisor does not wake up. */
  function arm(): void {
    if (timer !== undefined || closed || (!groups.waits && openGatherers().length === 0)) return;
    timer = setTimeout(tick, Math.min(bounds.idleMs, bounds.tellMs) / 2);
    timer.unref();
  }

  return {
    look: (block, firstSeq) => {
      if (closed) return;
      const watched = watch(block.instance);
      const { streams, tail } = watched;
      const { gatherer, tail: own } = streams[block.stream];
      const hits = suspects(block);
      if (hits.length > 0 || gatherer.isOpen) {
        const nowMs = now();
        const count = block.ends.length;
        const fresh = (Math.max(0, nowMs - watched.filledMs) / 1000) * bounds.readLines;
        watched.tokens = Math.min(bounds.readLinesAtOnce, watched.tokens + fresh);
        watched.filledMs = nowMs;
        // A line is before the one after it, too: in a flood of errors each would be decoded ten times.
        const texts = new Map<number, string>();
        const read = (line: number): string => {
          let text = texts.get(line);
          if (text === undefined) {
            const isJSON = block.bytes[line === 0 ? 0 : (block.ends[line - 1] ?? 0)] === 0x7b;
            text = textOf(block, line, isJSON ? JSON_BYTES : bounds.lineCharacters);
            texts.set(line, text);
          }
          return text;
        };
        // The rest of a line that was too long begins nothing.
        let line = block.goesOn ? 1 : 0;
        let earlier = -1;
        for (let hit = 0; line < count; line += 1) {
          while ((hits[hit] ?? count) < line) hit += 1;
          if (!gatherer.isOpen) line = hits[hit] ?? count;
          if (line >= count) break;
          const at = line;
          if (at > 0 && earlier === at - 1 && repeats(block, at) && gatherer.repeat(firstSeq + at, nowMs)) {
            earlier = at;
            continue;
          }
          if (watched.tokens < 1) {
            gatherer.close();
            const unread = hits.filter((one) => one >= at && speaksOfErrors(block, one));
            const [first] = unread;
            if (first !== undefined)
              groups.skip(block.instance, { count: unread.length, seq: firstSeq + first, atMs: block.atMs });
            break;
          }
          watched.tokens -= 1;
          earlier = at;
          gatherer.line(read(at), { seq: firstSeq + at, atMs: block.atMs, nowMs }, (ownAlone) =>
            (ownAlone ? own : tail).before(read, at, bounds.before + 4, bounds.lineCharacters),
          );
        }
        arm();
      }
      tail.add(block);
      own.add(block);
    },
    ended: (instance) => {
      const watched = instances.get(instance);
      if (watched === undefined) return;
      watched.streams.stdout.gatherer.close();
      watched.streams.stderr.gatherer.close();
      groups.tell(true, instance);
      instances.delete(instance);
    },
    list: (query) => ({ origin: "container", groups: groups.list(query) }),
    stats: (selected) => groups.stats(selected),
    clear: (selected) => groups.clear(selected),
    close: () => {
      if (closed) return;
      for (const gatherer of openGatherers()) gatherer.close();
      groups.tell(true);
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** So much of a line says what it is. */
const SPOKEN_BYTES = 1024;
const spoken = /error|fatal|panic|xception|traceback|critical|severe|fault|sigquit|data race|\berr\b|level":[56]0/i;

/** Whether a line that is not read has a word for an error: that it has a line's number or a file's name is too little to be told of. */
function speaksOfErrors({ bytes, ends }: LineBlock, line: number): boolean {
  const start = line === 0 ? 0 : (ends[line - 1] ?? 0);
  return spoken.test(bytes.toString("latin1", start, Math.min(ends[line] ?? start, start + SPOKEN_BYTES)));
}

/** Whether a line is the one before it once more, and no JSON: a record in JSON is whole by itself and counts each time. */
function repeats({ bytes, ends }: LineBlock, line: number): boolean {
  const start = ends[line - 1] ?? 0;
  const before = line === 1 ? 0 : (ends[line - 2] ?? 0);
  const end = ends[line] ?? start;
  return end - start === start - before && bytes[start] !== 0x7b && bytes.compare(bytes, before, start, start, end) === 0;
}
