/** A seeded generator: `next(n)` gives an integer from 0 up to but not including n. The same seed gives the same run. */
export function generator(seed: number): (below: number) => number {
  let state = (seed + 1) * 0x9e3779b1;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39) + 0x6d2b79f5;
    return ((state ^ (state >>> 15)) >>> 0) % below;
  };
}

/** `bytes` cut into chunks of 0 to `longest` bytes. */
export function* pieces(bytes: Buffer, random: (below: number) => number, longest: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const length = random(longest + 1);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
