/** How many containers a host keeps. */
export interface Bounds {
  /** Working and idle ones together. */
  readonly containers: number;
  /** Warm ones. */
  readonly warm: number;
  /** What the memory limits of idle ones may come to together. */
  readonly memoryBytes: number;
}

/** An idle container, as far as room goes. */
export interface Occupant {
  /** Kept for many runs; a warm one otherwise. */
  readonly kept: boolean;
  readonly memoryBytes: number;
  /** A count that is higher for what was of use later. */
  readonly usedAt: number;
}

/** Those that leave so that `working` containers fit beside the idle ones: the longest unused first. */
export function leaveForWork<T extends Occupant>(idle: readonly T[], working: number, bounds: Bounds): T[] {
  const surplus = working + idle.length - bounds.containers;
  return byUse(idle).slice(0, Math.max(0, surplus));
}

/**
 * Those that leave so that another idle container fits beside `working` ones, the longest unused first; null when it does not
 * fit even when all of them leave.
 */
export function leaveForIdle<T extends Occupant>(
  idle: readonly T[],
  working: number,
  newcomer: Pick<Occupant, "kept" | "memoryBytes">,
  bounds: Bounds,
): T[] | null {
  const stays = [...byUse(idle)];
  const leaving: T[] = [];
  const leave = (index: number): void => void leaving.push(...stays.splice(index, 1));
  while (!newcomer.kept && stays.filter((one) => !one.kept).length >= bounds.warm) {
    const warm = stays.findIndex((one) => !one.kept);
    if (warm === -1) return null;
    leave(warm);
  }
  while (working + stays.length + 1 > bounds.containers || memoryOf(stays) + newcomer.memoryBytes > bounds.memoryBytes) {
    if (!stays.length) return null;
    leave(0);
  }
  return leaving;
}

function memoryOf(occupants: readonly Occupant[]): number {
  return occupants.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

function byUse<T extends Occupant>(idle: readonly T[]): T[] {
  return idle.toSorted((a, b) => a.usedAt - b.usedAt);
}
