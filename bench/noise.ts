import { OUTPUT_END, OUTPUT_START } from "../src/model/markers.ts";

export const nonce = "bench-nonce-0123456789";

/** A seeded generator of integers below its argument. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * What a talkative container may print, `bytes` long: log lines of different lengths in several scripts, empty lines, lines that
 * begin like markers, lines of 100 kB, and a frame of 0.2 to 20 kB about every 250 kB. It ends with a whole line.
 */
export function mixedNoise(bytes: number): { readonly data: Buffer; readonly frames: number } {
  const random = generator(7);
  const words = [
    "info",
    "worker",
    "näher",
    "読み込み",
    "Compiling",
    "…",
    "[32mok[0m",
    "GET /api/v1/items?page=2",
    '{"level":30}',
    "👍",
  ];
  const data = Buffer.alloc(bytes, "\n");
  let at = 0;
  let frames = 0;
  const put = (text: string): void => {
    if (at + Buffer.byteLength(text) < bytes) at += data.write(text, at);
    else at = bytes;
  };
  let nextFrame = 100_000;
  while (at < bytes) {
    const kind = random(200);
    if (at >= nextFrame) {
      nextFrame += 200_000 + random(100_000);
      const before = at;
      const result = "An answer of some length. ".repeat(8 + random(780));
      put(`${OUTPUT_START}\n${JSON.stringify({ status: "success", result, nonce })}\n${OUTPUT_END}\n`);
      if (at < bytes || before === at) frames += 1;
    } else if (kind === 0) put("\n".repeat(1 + random(100)));
    else if (kind === 1) put("---NOVABOT is a prefix of the markers\n");
    else if (kind === 2 && random(20) === 0) put(`${"x".repeat(100_000)}\n`);
    else {
      let line = `2026-11-20T10:00:${random(60)} `;
      for (let count = 2 + random(20); count > 0; count -= 1) line += `${words[random(words.length)]} `;
      put(`${line}\n`);
    }
  }
  return { data, frames };
}
