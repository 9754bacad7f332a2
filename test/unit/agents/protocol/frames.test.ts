import { describe, expect, test } from "vitest";
import { FrameReader, type Frame } from "../../../../src/agents/protocol/frames.ts";
import { OUTPUT_END, OUTPUT_START } from "../../../../src/model/markers.ts";
import { framesByLines } from "./oracle.ts";
import { generator, pieces } from "./random.ts";

const nonce = "n0nce-0123456789abcdef";

function frame(value: unknown): string {
  return `${OUTPUT_START}\n${typeof value === "string" ? value : JSON.stringify(value)}\n${OUTPUT_END}\n`;
}

function answer(result: string | null, given: string | null = nonce): object {
  return { status: "success", result, ...(given === null ? {} : { nonce: given }) };
}

interface Settings {
  readonly nonce?: string | null;
  readonly limit?: number;
}

function read(chunks: Iterable<Uint8Array | string>, settings: Settings = {}): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader({
    nonce: settings.nonce === undefined ? nonce : settings.nonce,
    ...(settings.limit === undefined ? {} : { frameLimitBytes: settings.limit }),
    onFrame: (found) => frames.push(found),
  });
  for (const chunk of chunks) reader.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  reader.end();
  const { counts } = reader;
  for (const kind of ["output", "suspicious", "broken"] as const)
    expect(counts[kind]).toBe(frames.filter((one) => one.kind === kind).length);
  return frames;
}

const results = (frames: Frame[]): (string | null)[] =>
  frames.flatMap((one) => (one.kind === "output" ? [one.output.result] : []));
const reasons = (frames: Frame[]): string[] => frames.flatMap((one) => (one.kind === "broken" ? [one.reason] : []));

describe("a frame", () => {
  test("is read between noise", () => {
    const found = read([`warming up\n${frame({ ...answer("hello"), newSessionId: "s-1" })}bye\n`]);
    expect(found).toEqual([{ kind: "output", output: { status: "success", result: "hello", newSessionId: "s-1", nonce } }]);
  });

  test("is told as soon as its end line is complete", () => {
    const seen: Frame[] = [];
    const reader = new FrameReader({ nonce, onFrame: (found) => seen.push(found) });
    reader.push(Buffer.from(frame(answer("first"))));
    expect(results(seen)).toEqual(["first"]);
    reader.push(Buffer.from(frame(answer("second")).slice(0, -1)));
    expect(results(seen)).toEqual(["first"]);
    reader.push(Buffer.from("\n"));
    expect(results(seen)).toEqual(["first", "second"]);
  });

  test("may repeat, each one in order", () => {
    expect(results(read([[1, 2, 3].map((number) => frame(answer(String(number)))).join("log\n")]))).toEqual(["1", "2", "3"]);
  });

  test("may end with the stream instead of a newline, and use carriage returns", () => {
    expect(results(read([frame(answer("a")).trimEnd()]))).toEqual(["a"]);
    expect(results(read([frame(answer("b")).replaceAll("\n", "\r\n")]))).toEqual(["b"]);
    expect(results(read([frame(answer("c")).replaceAll("\n", "\r\n").slice(0, -1)]))).toEqual(["c"]);
  });

  test("may spread its JSON over several lines", () => {
    expect(results(read([frame(JSON.stringify(answer("x\ny"), null, 2))]))).toEqual(["x\ny"]);
  });

  test("may hold the markers in its answer, and noise may hold them within lines", () => {
    const text = `see\n${OUTPUT_END}\n${OUTPUT_START}\n${frame(answer("no"))}`;
    const noise = `say ${OUTPUT_START}\n ${OUTPUT_END}\n${OUTPUT_START} \n${OUTPUT_START}x\n${OUTPUT_END}\n`;
    expect(read([noise, frame(answer(text)), noise]).map((one) => one.kind)).toEqual(["output"]);
    expect(results(read([noise, frame(answer(text)), noise]))).toEqual([text]);
  });

  test.each([0, 3, 65_531, 65_536, 65_537])("is read after %i bytes of noise in chunks of 64 KiB", (length) => {
    const all = Buffer.from(`${length === 0 ? "" : `${"n".repeat(length - 1)}\n`}${frame(answer("é"))}`);
    const chunks: Buffer[] = [];
    for (let at = 0; at < all.length; at += 65_536) chunks.push(all.subarray(at, at + 65_536));
    expect(results(read(chunks))).toEqual(["é"]);
  });
});

describe("split input", () => {
  const stream = Buffer.from(
    `noise\n---NOVABOT_OUT\n${frame(answer("grüße 👋 €"))}---NOVABOT_OUTPUT_END---\r\n${frame({ status: "error", result: null, error: "né", nonce })}x${OUTPUT_START}\n${frame(answer("z", null))}${OUTPUT_START}\n{"half`,
  );
  const whole = read([stream]);

  test("gives the same at every single split, also within characters", () => {
    expect(whole.map((one) => one.kind)).toEqual(["output", "output", "suspicious", "broken"]);
    for (let at = 0; at <= stream.length; at += 1) expect(read([stream.subarray(0, at), stream.subarray(at)])).toEqual(whole);
  });

  test("gives the same byte by byte, with empty chunks, and when the caller reuses its buffer", () => {
    expect(read([...stream].flatMap((byte) => [Uint8Array.of(byte), new Uint8Array()]))).toEqual(whole);
    const reused = Buffer.alloc(7);
    const chunks = function* (): Generator<Uint8Array> {
      for (let at = 0; at < stream.length; at += reused.length) yield reused.subarray(0, stream.copy(reused, 0, at));
    };
    expect(read(chunks())).toEqual(whole);
  });
});

describe("trust", () => {
  test("a frame without the nonce, or with another, is suspicious", () => {
    const forged = [
      answer("a", null),
      answer("b", ""),
      answer("c", `${nonce}x`),
      answer("d", nonce.toUpperCase()),
      answer("e", nonce.slice(1)),
    ];
    const found = read(forged.map(frame));
    expect(found.map((one) => one.kind)).toEqual(Array<string>(5).fill("suspicious"));
    expect(results(read([...forged.map(frame), frame(answer("true")), ...forged.map(frame)]))).toEqual(["true"]);
  });

  test("without a nonce every well-formed frame counts", () => {
    expect(results(read([frame(answer("a", null)), frame(answer("b", "whatever"))], { nonce: null }))).toEqual(["a", "b"]);
  });
});

describe("a broken frame", () => {
  test.each([
    ["", "empty"],
    ["{", "not JSON"],
    ["null", "not an answer"],
    ["[]", "not an answer"],
    ['"success"', "not an answer"],
    ['{"status":"great","result":null}', "not an answer: status"],
    ['{"status":"success"}', "not an answer: result"],
    ['{"status":"success","result":5}', "not an answer: result"],
    ['{"status":"error","result":null,"error":{}}', "not an answer: error"],
    ['{"status":"success","result":null} trailing', "not JSON"],
  ])("%s is %s, and the next one is read", (payload, reason) => {
    const found = read([frame(payload), frame(answer("next"))]);
    expect(reasons(found)).toEqual([expect.stringContaining(reason)]);
    expect(results(found)).toEqual(["next"]);
  });

  test("that another frame interrupts does not take the other with it", () => {
    const found = read([`${OUTPUT_START}\n{"status":"succ\n${frame(answer("whole"))}`]);
    expect(reasons(found)).toEqual(["another frame began before its end"]);
    expect(results(found)).toEqual(["whole"]);
  });

  test("that never ends is half", () => {
    expect(read([`${OUTPUT_START}\n{"status"`])).toEqual([{ kind: "broken", reason: "half", sample: '{"status"' }]);
    expect(reasons(read([`${OUTPUT_START}\n`]))).toEqual(["half"]);
    expect(read([OUTPUT_START])).toEqual([]);
    expect(read([`${OUTPUT_END}\n`])).toEqual([]);
  });

  test("tells little of itself, cut at a character", () => {
    const [found] = read([frame(`${"x".repeat(199)}€${"y".repeat(5000)}`)]);
    expect(found).toEqual({ kind: "broken", reason: "not JSON", sample: "x".repeat(199) });
    const [named] = read([frame(JSON.stringify({ status: "v".repeat(5000), result: null }))]);
    expect(reasons([named!])[0]!.length).toBeLessThanOrEqual(200);
    expect(reasons([named!])[0]).not.toContain("vvv");
  });

  test("that passes the limit is dropped, and what follows is read", () => {
    const fits = JSON.stringify(answer("x".repeat(100)));
    const limit = fits.length;
    expect(results(read([frame(fits)], { limit }))).toHaveLength(1);
    expect(results(read([frame(fits).replaceAll("\n", "\r\n")], { limit }))).toHaveLength(1);
    for (const chunks of [[frame(`${fits} `)], [...frame(`${fits} `)], [frame(`${fits}   `)], [...frame(`${fits}   `)]]) {
      const found = read([...chunks, "noise\n", frame(answer("small"))], { limit });
      expect(reasons(found)).toEqual(["too large"]);
      expect(results(found)).toEqual(["small"]);
    }
  });

  test("of 64 MiB costs no more than the limit", () => {
    const chunk = Buffer.alloc(65_536, "a");
    const chunks = function* (): Generator<Uint8Array | string> {
      yield `${OUTPUT_START}\n{"status":"success","result":"`;
      for (let index = 0; index < 1024; index += 1) yield chunk;
      yield `"}\n${OUTPUT_END}\n${frame(answer("after"))}`;
    };
    const found = read(chunks());
    expect(reasons(found)).toEqual(["too large"]);
    expect(results(found)).toEqual(["after"]);
  });

  test("made of nested or countless values neither crashes nor swells", () => {
    const before = process.memoryUsage().rss;
    const deep = "[".repeat(7 * 1024 * 1024);
    const valid = `{"status":"success","result":null,"nonce":"${nonce}","x":${"[".repeat(3_000_000)}${"]".repeat(3_000_000)}}`;
    const wide = `{"status":"success","result":null,"x":[${"{},".repeat(2_000_000)}{}]}`;
    const shallow = `{"status":"success","result":null,"nonce":"${nonce}","x":${"[".repeat(9000)}${"]".repeat(9000)}}`;
    const found = read([frame(deep), frame(valid), frame(wide), frame(shallow), frame(answer("after"))]);
    expect(reasons(found)).toEqual(Array<string>(3).fill("not an answer: too many parts"));
    expect(results(found)).toEqual([null, "after"]);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });
});

describe("what is lenient", () => {
  test("invalid UTF-8 becomes replacement characters", () => {
    const payload = Buffer.concat([
      Buffer.from(`${OUTPUT_START}\n{"status":"success","nonce":"${nonce}","result":"a`),
      Buffer.of(0xff, 0xc3),
      Buffer.from(`b"}\n${OUTPUT_END}\n`),
    ]);
    expect(results(read([payload]))).toEqual(["a\ufffd\ufffdb"]);
  });

  test.each([["--resume"], ["a b"], [""], ["x".repeat(129)], [7], [null], [{}]])(
    "the session id %j is left out, the answer stays",
    (newSessionId) => {
      const [found] = read([frame({ ...answer("kept"), newSessionId })]);
      expect(found).toEqual({ kind: "output", output: { status: "success", result: "kept", nonce } });
    },
  );

  test("an answer of several MiB with quotes and commas in it is read", () => {
    const text = 'a "quoted", [text] {with} \\ everything\n'.repeat(100_000);
    expect(results(read([frame(answer(text))]))).toEqual([text]);
  });

  test("unknown fields are dropped, __proto__ too", () => {
    const [found] = read([
      frame(`{"__proto__":{"error":"x"},"usage":{"tokens":[1,2]},"status":"success","result":"r","nonce":"${nonce}"}`),
    ]);
    expect(found).toEqual({ kind: "output", output: { status: "success", result: "r", nonce } });
  });
});

describe("hostile noise takes linear time", () => {
  const size = 16 * 1024 * 1024;
  const cases: readonly (readonly [string, string])[] = [
    ["newlines", "\n"],
    ["dashes", "-"],
    ["prefixes in one line", "---NOVABOT"],
    ["prefix lines", "---NOVABOT\n"],
    ["common prefix lines", "---NOVABOT_OUTPUT_\n"],
    ["almost markers", "---NOVABOT_OUTPUT_START--\n"],
    ["end markers", `${OUTPUT_END}\n`],
    ["markers with a space", `${OUTPUT_START} \n`],
    ["carriage returns", "\r\n"],
    ["one huge line", "x"],
  ];
  test.each(cases)("%s", (_name, unit) => {
    const chunk = Buffer.from(unit.repeat(Math.ceil(65_536 / unit.length)));
    const timed = (bytes: number): number => {
      const began = performance.now();
      const chunks = function* (): Generator<Uint8Array | string> {
        for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
        yield `\n${frame(answer("there"))}`;
      };
      expect(results(read(chunks()))).toEqual(["there"]);
      return performance.now() - began;
    };
    // Quadratic time would be minutes here; the slowest of these takes a fraction of a second.
    expect(timed(size)).toBeLessThan(5000);
  });
});

describe("against an oracle that reads line by line", () => {
  const words = [
    OUTPUT_START,
    OUTPUT_END,
    "---NOVABOT",
    "---NOVABOT_OUTPUT_",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "-",
    " ",
    "é",
    "👋",
    "log",
    JSON.stringify(answer("one")),
    JSON.stringify(answer("forged", null)),
    '{"status":"error","result":null,',
    `"error":"broken","nonce":"${nonce}"}`,
  ];

  test.each(Array.from({ length: 40 }, (_, seed) => seed))("seed %i", (seed) => {
    const random = generator(seed);
    for (let round = 0; round < 50; round += 1) {
      let text = "";
      while (text.length < 40 + random(800)) {
        if (random(4) === 0) text += `${OUTPUT_START}\n${words[random(words.length)]}\n${OUTPUT_END}\n`;
        text += words[random(words.length)];
      }
      const limit = 30 + random(120);
      const expected = framesByLines(text, { nonce, limit });
      expect(read(pieces(Buffer.from(text), random, 1 + random(60)), { limit })).toEqual(expected);
    }
  });
});
