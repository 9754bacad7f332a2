import { type Marker, MARKER_VARIABLE, readMarker } from "./marker.ts";
import {
  holdsOpen,
  lastPID,
  laterPIDs,
  listeningSockets,
  type ProcessEntry,
  type ProcessID,
  readProcess,
  readProcesses,
  variableOf,
} from "./processes.ts";

/** By what the processes of one start of an instance are known, whatever became of the one that was started. */
export interface Traits {
  /** `startedEver` before the leader was started; 0 when that is not known. */
  readonly startedBefore: number;
  /** The process that was started, which leads a session of its own. Null: not known any more. */
  readonly leader: ProcessID | null;
  readonly isMarker: (marker: Marker) => boolean;
  /** The output's pipes, as `fileKey` names them. */
  readonly pipes: ReadonlySet<string>;
  readonly port: number | null;
}

/** A look that found nothing is taken again when processes were started meanwhile, but not for ever. */
const LOOKS = 5;

/**
 * The living processes that belong to an instance: those of its session, those with its marker, those that hold its output, those that came up since and
 * listen on its port, and the descendants of all of them. Never this supervisor, nor one that it lives in.
 */
export function belongings(traits: Traits, self: number = process.pid): ProcessEntry[] {
  for (let looks = 1; ; looks += 1) {
    const last = lastPID();
    const found = look(traits, self);
    // A process may start another and end while we read: neither would be seen.
    if (found.length > 0 || looks === LOOKS || lastPID() === last) return found;
  }
}

function look(traits: Traits, self: number): ProcessEntry[] {
  const { leader } = traits;
  const entries = readProcesses(leader === null ? undefined : laterPIDs(leader.pid, traits.startedBefore));
  if (entries.size === 0) return [];
  const own = lineage(entries, self);
  const since = leader?.startTicks ?? 0;
  // Had all of the session ended, its number could name another one by now.
  const sessionStands = leader !== null && (entries.get(leader.pid)?.startTicks ?? since) === since;

  const found = new Map<number, ProcessEntry>();
  const others: ProcessEntry[] = [];
  for (const entry of entries.values()) {
    if (entry.startTicks < since || own.has(entry.pid)) continue;
    if (sessionStands && entry.session === leader.pid) found.set(entry.pid, entry);
    else if (entry.alive) others.push(entry);
  }
  if (others.length > 0) {
    const sockets = traits.port === null || leader === null ? new Set<string>() : listeningSockets(traits.port);
    for (const entry of others) if (isOwn(entry, traits, sockets, entries, self)) found.set(entry.pid, entry);
  }
  addDescendants(found, entries, own);
  return [...found.values()].filter((entry) => entry.alive);
}

function isOwn(
  entry: ProcessEntry,
  traits: Traits,
  sockets: ReadonlySet<string>,
  entries: ReadonlyMap<number, ProcessEntry>,
  self: number,
): boolean {
  const text = variableOf(entry.pid, MARKER_VARIABLE);
  const marker = text === null ? null : readMarker(text);
  if (marker !== null) return traits.isMarker(marker);
  // What an engine put in here has no parent: a server of its own is not the instance's.
  if (!holdsOpen(entry.pid, traits.pipes, entry.parent === 0 ? new Set() : sockets)) return false;
  // Nor is what this supervisor started otherwise: a terminal may listen on the port, and has all of our files open until it is the shell.
  return !lineage(entries, entry.pid).has(self);
}

/** A process and its ancestors. */
function lineage(entries: ReadonlyMap<number, ProcessEntry>, pid: number): Set<number> {
  const line = new Set<number>([1]);
  for (let at = pid; at > 1 && !line.has(at); at = (entries.get(at) ?? readProcess(at))?.parent ?? 0) line.add(at);
  return line;
}

function addDescendants(
  found: Map<number, ProcessEntry>,
  entries: ReadonlyMap<number, ProcessEntry>,
  own: ReadonlySet<number>,
): void {
  if (found.size === 0) return;
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of entries.values()) {
    const siblings = children.get(entry.parent);
    if (siblings === undefined) children.set(entry.parent, [entry]);
    else siblings.push(entry);
  }
  // A map gives what is added while it is walked, so this reaches every generation.
  for (const pid of found.keys()) {
    for (const child of children.get(pid) ?? []) if (!own.has(child.pid)) found.set(child.pid, child);
  }
}
