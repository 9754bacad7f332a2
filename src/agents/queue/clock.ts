/** Time as the queue sees it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `then` once after `ms`; what it gives calls it off. */
  after(ms: number, then: () => void): () => void;
}

export const realClock: Clock = {
  now: Date.now,
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** A pause that doubles with each try from `firstMs` to `longestMs`, shorter or longer by up to a quarter. */
export function growing(firstMs: number, longestMs: number, random: () => number = Math.random): (tries: number) => number {
  return (tries) => {
    const pause = Math.min(longestMs, firstMs * 2 ** Math.min(30, Math.max(0, tries - 1)));
    return Math.round(Math.min(longestMs, pause * (0.75 + random() / 2)));
  };
}
