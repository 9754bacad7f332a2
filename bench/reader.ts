import { execFileSync } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { parseArgs } from "node:util";
import { FrameReader } from "../src/agents/protocol/frames.ts";
import { KeptStream } from "../src/agents/protocol/kept-stream.ts";
import { OUTPUT_END, OUTPUT_START } from "../src/model/markers.ts";
import { mixedNoise, nonce } from "./noise.ts";
import { median, table } from "./table.ts";

// How fast a container's stdout is read, and what it costs in memory, against the ways that one would write first.

const PATTERN_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const CAP_BYTES = 5 * 1024 * 1024;

/** Something that reads a stream chunk by chunk and has found so many frames at its end. */
interface Subject {
  push(chunk: Buffer): void;
  end(): number;
}

/** NovaBot: every frame, and the stream's first 5 MiB for the log. */
function novabot(): Subject {
  const kept = new KeptStream(CAP_BYTES);
  const reader = new FrameReader({ nonce, onFrame: () => {} });
  return {
    push(chunk) {
      reader.push(chunk);
      kept.push(chunk);
    },
    end() {
      reader.end();
      return kept.text().length > 0 ? reader.counts.output : -1;
    },
  };
}

/** Decode, split into lines, look at each; keep the first 5 MB for the log. */
function splitLines(): Subject {
  const decoder = new StringDecoder("utf8");
  let kept = "";
  let rest = "";
  let payload: string | undefined;
  let frames = 0;
  const line = (text: string): void => {
    if (text === OUTPUT_START) payload = "";
    else if (text === OUTPUT_END && payload !== undefined) {
      const output = JSON.parse(payload) as { nonce?: string };
      if (output.nonce === nonce) frames += 1;
      payload = undefined;
    } else if (payload !== undefined) payload += text;
  };
  return {
    push(chunk) {
      const text = decoder.write(chunk);
      if (kept.length < CAP_BYTES) kept += text.slice(0, CAP_BYTES - kept.length);
      const all = (rest + text).split("\n");
      rest = all.pop() ?? "";
      for (const one of all) line(one);
    },
    end() {
      if (rest !== "") line(rest);
      return kept.length > 0 ? frames : -1;
    },
  };
}

/** The requirement's own sketch: append to a string up to 5 MB, search it at the end. It finds what its first 5 MB hold, one frame. */
function concatenate(): Subject {
  let stdout = "";
  let truncated = false;
  return {
    push(chunk) {
      if (truncated) return;
      const text = chunk.toString();
      const remaining = CAP_BYTES - stdout.length;
      if (text.length > remaining) {
        stdout += text.slice(0, remaining);
        truncated = true;
      } else stdout += text;
    },
    end() {
      const from = stdout.indexOf(OUTPUT_START);
      const to = stdout.indexOf(OUTPUT_END);
      if (from === -1 || to === -1) return 0;
      try {
        JSON.parse(stdout.slice(from + OUTPUT_START.length, to).trim());
        return 1;
      } catch {
        // What stands between the first markers need not be one frame.
        return 0;
      }
    },
  };
}

/** The same sketch while it is still reading: a new stream whenever the cap is reached, so that every byte is looked at. */
function concatenateAnew(): Subject {
  let current = concatenate();
  let bytes = 0;
  let frames = 0;
  return {
    push(chunk) {
      current.push(chunk);
      bytes += chunk.length;
      if (bytes < CAP_BYTES) return;
      frames += current.end();
      current = concatenate();
      bytes = 0;
    },
    end: () => frames + current.end(),
  };
}

const subjects: Readonly<Record<string, () => Subject>> = {
  NovaBot: novabot,
  "split into lines": splitLines,
  "concatenate, cap 5 MB, search (deaf past the cap)": concatenate,
  "the same, begun anew at each cap": concatenateAnew,
};

interface Measured {
  readonly megabytesPerSecond: number;
  readonly growthMiB: number;
  readonly frames: number;
  readonly expected: number;
}

/** One subject, alone in this process. */
function measure(name: string, megabytes: number): Measured {
  const make = subjects[name];
  if (make === undefined) throw new Error(`no subject ${name}`);
  const { data, frames } = mixedNoise(PATTERN_BYTES);
  const repeats = Math.max(1, Math.round((megabytes * 1e6) / data.length));
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const began = performance.now();
  const subject = make();
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (let at = 0; at < data.length; at += CHUNK_BYTES) {
      subject.push(data.subarray(at, at + CHUNK_BYTES));
      if (at % (64 * CHUNK_BYTES) === 0) peak = Math.max(peak, process.memoryUsage.rss());
    }
  }
  const found = subject.end();
  const elapsed = (performance.now() - began) / 1000;
  peak = Math.max(peak, process.memoryUsage.rss());
  return {
    megabytesPerSecond: (repeats * data.length) / 1e6 / elapsed,
    growthMiB: (peak - before) / 2 ** 20,
    frames: found,
    expected: frames * repeats,
  };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      subject: { type: "string" },
      megabytes: { type: "string", default: "1000" },
      rounds: { type: "string", default: "3" },
    },
  });
  const megabytes = Number(values.megabytes);
  if (values.subject !== undefined) {
    process.stdout.write(JSON.stringify(measure(values.subject, megabytes)));
    return;
  }

  const results = new Map<string, Measured[]>(Object.keys(subjects).map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [name, measured] of results) {
      const args = ["--expose-gc", import.meta.filename, "--subject", name, "--megabytes", String(megabytes)];
      measured.push(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Measured);
    }
  }

  const speed = (name: string): number => median((results.get(name) ?? []).map((one) => one.megabytesPerSecond));
  const growth = (name: string): number => Math.max(...(results.get(name) ?? []).map((one) => one.growthMiB));
  const rows = [...results].map(([name, [first]]) => [
    name,
    speed(name).toFixed(0),
    (speed("NovaBot") / speed(name)).toFixed(2),
    growth(name).toFixed(1),
    `${first?.frames} of ${first?.expected}`,
  ]);
  process.stdout.write(
    `Reading ${megabytes} MB of mixed noise and frames in chunks of 64 KiB; medians of ${values.rounds} rounds, each in a process of its own.\n\n`,
  );
  process.stdout.write(table(["reader", "MB/s", "NovaBot is × as fast", "growth MiB", "frames found"], rows));
  const isMet = speed("NovaBot") >= 500 && growth("NovaBot") < 32;
  process.stdout.write(`\nAim: 500 MB/s with under 32 MiB of growth: ${isMet ? "met" : "missed"}.\n`);
}

main();
