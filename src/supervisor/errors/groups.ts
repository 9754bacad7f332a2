import { hash } from "node:crypto";
import type { ErrorGroup } from "../../model/record.ts";
import type { ErrorQuery, ErrorStats } from "../../model/worker-calls.ts";
import type { ErrorBounds } from "./bounds.ts";
import type { OnError } from "./error-watch.ts";
import type { Gathered } from "./gather.ts";
import { cut } from "./lines.ts";
import { type ErrorShape, readTrace } from "./read-trace.ts";

/** The different errors of all instances, counted. Who listens hears of each new one at once, and of one that comes again and again once in a while. */
export interface Groups {
  add(instance: string, error: Gathered): void;
  /** Lines that may have told of errors were not looked at. */
  skip(instance: string, lines: { readonly count: number; readonly seq: number; readonly atMs: number }): void;
  list(query: ErrorQuery): readonly ErrorGroup[];
  stats(instances?: readonly string[]): ErrorStats;
  clear(instances?: readonly string[]): number;
  /** Tells of what was counted and not told yet, as far as its time has come; all of it with `everything`. */
  tell(everything: boolean, instance?: string): void;
  /** Something waits for being told. */
  readonly waits: boolean;
}

interface Entry {
  group: ErrorGroup;
  characters: number;
  toldMs: number;
}

interface Held {
  /** The one that was seen last is last. */
  readonly entries: Map<string, Entry>;
  /** How many new ones may come now. */
  tokens: number;
  filledMs: number;
  /** What was read last: most floods are of one error, word for word. */
  last: { readonly error: Gathered; readonly shape: ErrorShape } | null;
}

export function keepGroups(options: {
  readonly bounds: ErrorBounds;
  readonly now: () => number;
  readonly onError: OnError;
}): Groups {
  const { bounds, now, onError } = options;
  const instances = new Map<string, Held>();
  const waiting = new Set<Entry>();
  let characters = 0;

  function tellOf(entry: Entry, nowMs: number): void {
    waiting.delete(entry);
    entry.toldMs = nowMs;
    onError(entry.group);
  }

  function remove(held: Held, entry: Entry): void {
    held.entries.delete(entry.group.fingerprint);
    characters -= entry.characters;
    if (waiting.has(entry)) tellOf(entry, now());
  }

  /** The instance that holds most gives first: one that floods does not push out another's errors. */
  function makeRoom(): void {
    while (characters > bounds.characters) {
      let fullest: Held | undefined;
      for (const held of instances.values()) if (held.entries.size > (fullest?.entries.size ?? 0)) fullest = held;
      const [oldest] = fullest?.entries.values() ?? [];
      if (fullest === undefined || oldest === undefined) return;
      remove(fullest, oldest);
    }
  }

  function holdOf(instance: string, nowMs: number): Held {
    let held = instances.get(instance);
    if (held === undefined) {
      held = { entries: new Map(), tokens: bounds.newGroups, filledMs: nowMs, last: null };
      instances.set(instance, held);
    }
    held.tokens = Math.min(
      bounds.newGroups,
      held.tokens + (Math.max(0, nowMs - held.filledMs) / 1000) * bounds.newGroupsPerSecond,
    );
    held.filledMs = nowMs;
    return held;
  }

  function selected(query?: readonly string[]): [string, Held][] {
    return [...instances].filter(([instance]) => query === undefined || query.includes(instance));
  }

  function count(
    instance: string,
    held: Held,
    shape: ErrorShape,
    error: Omit<Gathered, "shape" | "weight">,
    nowMs: number,
  ): void {
    let entry = held.entries.get(shape.fingerprint);
    const { fingerprint, category, severity, source, name, message } = shape;
    const lines = error.lines.map((line) => cut(line, bounds.lineCharacters));
    const before = error.before.map((line) => cut(line, bounds.lineCharacters));
    const group: ErrorGroup = {
      fingerprint,
      instance,
      category,
      severity,
      source,
      name,
      message,
      count: (entry?.group.count ?? 0) + error.count,
      firstSeenMs: entry?.group.firstSeenMs ?? error.atMs,
      lastSeenMs: error.atMs,
      firstSeq: entry?.group.firstSeq ?? error.seq,
      lastSeq: error.lastSeq,
      lines,
      before,
    };
    const size = message.length + lines.concat(before).reduce((sum, line) => sum + line.length + 16, 200);
    if (entry === undefined) {
      entry = { group, characters: size, toldMs: Number.NEGATIVE_INFINITY };
    } else {
      held.entries.delete(fingerprint);
      characters -= entry.characters;
      entry.group = group;
      entry.characters = size;
    }
    held.entries.set(fingerprint, entry);
    characters += size;
    if (nowMs - entry.toldMs >= bounds.tellMs) tellOf(entry, nowMs);
    else waiting.add(entry);
    const [oldest] = held.entries.values();
    if (held.entries.size > bounds.groups && oldest !== undefined) remove(held, oldest);
    makeRoom();
  }

  return {
    get waits() {
      return waiting.size > 0;
    },
    add: (instance, error) => {
      const nowMs = now();
      const held = holdOf(instance, nowMs);
      let shape = held.last !== null && isSame(held.last.error, error) ? held.last.shape : readTrace(error);
      held.last = { error, shape };
      if (!held.entries.has(shape.fingerprint)) {
        if (held.tokens < 1) shape = together(shape);
        else held.tokens -= 1;
      }
      count(instance, held, shape, error, nowMs);
    },
    skip: (instance, { count: lines, seq, atMs }) => {
      const nowMs = now();
      const error = { lines: [], before: [], seq, lastSeq: seq, count: lines, atMs };
      count(instance, holdOf(instance, nowMs), skipped, error, nowMs);
    },
    list: (query) => {
      const {
        categories,
        severities,
        fingerprint,
        sinceMs = Number.NEGATIVE_INFINITY,
        untilMs = Number.POSITIVE_INFINITY,
      } = query;
      return selected(query.instances)
        .flatMap(([, held]) => [...held.entries.values()].map((entry) => entry.group))
        .filter(
          (group) =>
            (categories === undefined || categories.includes(group.category)) &&
            (severities === undefined || severities.includes(group.severity)) &&
            (fingerprint === undefined || fingerprint === group.fingerprint) &&
            group.lastSeenMs >= sinceMs &&
            group.lastSeenMs <= untilMs,
        )
        .sort((one, other) => other.lastSeenMs - one.lastSeenMs || other.lastSeq - one.lastSeq)
        .slice(0, query.limit);
    },
    stats: (query) => {
      const byCategory: Record<string, number> = {};
      const bySeverity: Record<string, number> = {};
      const byInstance: Record<string, number> = {};
      let groups = 0;
      let occurrences = 0;
      for (const [instance, held] of selected(query)) {
        for (const { group } of held.entries.values()) {
          groups += 1;
          occurrences += group.count;
          byCategory[group.category] = (byCategory[group.category] ?? 0) + group.count;
          bySeverity[group.severity] = (bySeverity[group.severity] ?? 0) + group.count;
          byInstance[instance] = (byInstance[instance] ?? 0) + group.count;
        }
      }
      return { groups, occurrences, byCategory, bySeverity, byInstance };
    },
    clear: (query) => {
      let cleared = 0;
      for (const [instance, held] of selected(query)) {
        for (const entry of held.entries.values()) {
          cleared += 1;
          remove(held, entry);
        }
        // Its tokens stay: clearing is no way to flood.
        if (held.tokens >= bounds.newGroups) instances.delete(instance);
      }
      return cleared;
    },
    tell: (everything, instance) => {
      const nowMs = now();
      for (const entry of waiting) {
        if (instance !== undefined && entry.group.instance !== instance) continue;
        if (everything || nowMs - entry.toldMs >= bounds.tellMs) tellOf(entry, nowMs);
      }
    },
  };
}

function isSame(one: Gathered, other: Gathered): boolean {
  return (
    one.shape === other.shape &&
    one.weight === other.weight &&
    one.lines.length === other.lines.length &&
    one.lines.every((line, index) => line === other.lines[index])
  );
}

const skipped: ErrorShape = {
  fingerprint: hash("sha256", "skipped").slice(0, 16),
  category: "other",
  severity: "warning",
  source: "plain",
  name: "",
  message: "So many lines that may tell of errors came at once that these were not looked at.",
};

/** For what comes when too many different errors came already. */
function together(shape: ErrorShape): ErrorShape {
  const message = `More different errors than are told apart; the last: ${shape.name === "" ? "" : `${shape.name}: `}${shape.message}`;
  return {
    ...shape,
    name: "",
    message: message.slice(0, 2000),
    fingerprint: hash("sha256", `together ${shape.category}`).slice(0, 16),
  };
}
