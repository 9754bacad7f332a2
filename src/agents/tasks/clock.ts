/** Where the scheduler has its time from; a test gives one that it moves by hand. */
export interface Clock {
  /** Milliseconds since 1970, as the wall clock says: it may jump, forwards and back. */
  now(): number;
  /** Calls `ring` once after about `ms` milliseconds; what it gives back stops that. */
  setTimer(ms: number, ring: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(ms, ring) {
    const timer = setTimeout(ring, ms);
    // Whoever waits for tasks alone has something else that keeps the process going.
    timer.unref();
    return () => clearTimeout(timer);
  },
};
