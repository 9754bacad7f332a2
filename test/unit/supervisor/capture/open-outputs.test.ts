import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, fstatSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type InstanceSpec, instanceSpecSchema } from "../../../../src/model/instance.ts";
import type { LogRecord } from "../../../../src/model/record.ts";
import { openOutputs, type Outputs } from "../../../../src/supervisor/capture/open-outputs.ts";
import { recordOf } from "../../../../src/supervisor/capture/record-of.ts";
import type { LineBlock } from "../../../../src/supervisor/capture/line-block.ts";
import type { Output } from "../../../../src/supervisor/instances/output.ts";
import type { Entry } from "../../../../src/supervisor/records/journal.ts";

type Line = Pick<LogRecord, "stream" | "text" | "part" | "unended"> & { readonly instance: string };

/** A place for lines that can be full. */
class Place {
  readonly lines: Line[] = [];
  readonly lost: Extract<Entry, { kind: "lost" }>["lost"][] = [];
  bytes = 0;
  count = 0;
  full = false;
  keeps = true;
  onBlock: () => void = () => {};
  #room = Promise.withResolvers<void>();

  appendLines(block: LineBlock): number {
    this.bytes += block.bytes.length;
    this.count += block.ends.length;
    for (let line = 0; this.keeps && line < block.ends.length; line += 1) {
      const { text, part, unended } = recordOf(block, line);
      const { instance, stream } = block;
      this.lines.push({ instance, stream, text, ...(part ? { part } : {}), ...(unended ? { unended } : {}) });
    }
    this.onBlock();
    return this.count;
  }

  append(entry: Entry): number {
    if (entry.kind === "lost") this.lost.push(entry.lost);
    return 0;
  }

  room(): Promise<void> {
    return this.#room.promise;
  }

  empty(): void {
    this.full = false;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  texts(stream?: LogRecord["stream"]): readonly string[] {
    return this.lines.filter((line) => stream === undefined || line.stream === stream).map(({ text }) => text);
  }
}

let directory: string;
let place: Place;
let ends: string[];
let outputs: Outputs;
let children: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "novabot-outputs-"));
  place = new Place();
  ends = [];
  children = [];
  outputs = openOutputs({
    directory: join(directory, "pipes"),
    journal: place,
    errors: { look: () => {}, ended: (instance) => void ends.push(instance) },
  });
});

afterEach(async () => {
  for (const { pid } of children) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // Its group has ended.
    }
  }
  await outputs.close();
  rmSync(directory, { recursive: true, force: true });
});

function specOf(output: Partial<InstanceSpec["output"]> = {}, id = "app"): InstanceSpec {
  return instanceSpecSchema.parse({ id, argv: ["x"], output });
}

function run(script: string, spec: InstanceSpec = specOf()): { readonly output: Output; readonly child: ChildProcess } {
  const output = outputs.openOutput(spec);
  const child = spawn("sh", ["-c", script], { stdio: ["ignore", output.stdout, output.stderr], detached: true, cwd: directory });
  children.push(child);
  output.handedOver();
  return { output, child };
}

describe("what a process writes", () => {
  test("comes as lines of their stream, with the indentation and a last line without newline", async () => {
    await run(`printf 'one\\n  two\\n\\n'; printf 'oops\\n' >&2; printf 'last'`).output.ended;
    expect(place.texts("stdout")).toEqual(["one", "  two", "", "last"]);
    expect(place.texts("stderr")).toEqual(["oops"]);
    expect(place.lines.filter(({ unended }) => unended).map(({ text }) => text)).toEqual(["last"]);
    expect(ends).toEqual(["app"]);
  });

  test("goes through real pipes: /dev/stdout and /dev/stderr open", async () => {
    const { output } = run("echo a > /dev/stdout; echo b > /dev/stderr; echo c >> /proc/self/fd/1");
    await output.ended;
    expect(place.texts("stdout")).toEqual(["a", "c"]);
    expect(place.texts("stderr")).toEqual(["b"]);
  });

  test("keeps the order across both streams where it waits between them", async () => {
    const done = Promise.withResolvers<void>();
    const steps = 20;
    place.onBlock = () => {
      if (place.count === steps) done.resolve();
      else writeFileSync(join(directory, `go-${place.count}`), "");
    };
    const script = `i=0; while [ $i -lt ${steps} ]; do i=$((i+1)); if [ $((i%2)) = 0 ]; then echo $i >&2; else echo $i; fi; while [ $i -lt ${steps} ] && [ ! -e go-$i ]; do sleep 0.001; done; done`;
    await run(script).output.ended;
    await done.promise;
    expect(place.texts()).toEqual(Array.from({ length: steps }, (_, index) => String(index + 1)));
  });

  test("arrives whole: a hundred thousand lines, a gigabyte's worth of one line's parts in constant memory", async () => {
    await run("seq 1 100000").output.ended;
    expect(place.texts()).toEqual(Array.from({ length: 100_000 }, (_, index) => String(index + 1)));

    place.keeps = false;
    place.bytes = 0;
    const before = process.memoryUsage().rss;
    let most = before;
    place.onBlock = () => {
      if (place.count % 512 === 0) most = Math.max(most, process.memoryUsage().rss);
    };
    await run("head -c 1073741824 /dev/zero").output.ended;
    expect(place.bytes).toBe(1_073_741_824);
    expect((most - before) / 1_048_576).toBeLessThan(64);
  });

  test("that closes its output and lives on ends the output, not the process", async () => {
    const { output, child } = run("echo bye; exec >/dev/null 2>&1; sleep 600");
    await output.ended;
    expect(place.texts()).toEqual(["bye"]);
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  });

  test("that ends while a child of its own holds the pipes is read until they are abandoned", async () => {
    const { output, child } = run("(sleep 600 &) ; echo early");
    await once(child, "exit");
    await new Promise<void>((resolve) => {
      if (place.count > 0) resolve();
      else place.onBlock = resolve;
    });
    let hasEnded = false;
    void output.ended.then(() => (hasEnded = true));
    await new Promise(setImmediate);
    expect(hasEnded).toBe(false);
    output.abandon();
    await output.ended;
    expect(place.texts()).toEqual(["early"]);
    // Whoever still holds those pipes does not write into the next start's.
    const next = run("echo fresh").output;
    expect(next.inodes).not.toEqual(output.inodes);
    await next.ended;
    expect(place.texts()).toEqual(["early", "fresh"]);
  });
});

describe("the pipes", () => {
  test("are private, of the inodes that are told, used again by the next start, and gone at the end", async () => {
    const pipes = join(directory, "pipes");
    expect(statSync(pipes).mode & 0o777).toBe(0o700);
    const first = outputs.openOutput(specOf());
    expect([fstatSync(first.stdout).ino, fstatSync(first.stderr).ino]).toEqual(first.inodes);
    expect(fstatSync(first.stdout).isFIFO() && fstatSync(first.stderr).isFIFO()).toBe(true);
    for (const name of readdirSync(pipes)) expect(statSync(join(pipes, name)).mode & 0o777).toBe(0o600);
    first.handedOver();
    await first.ended;
    const { output } = run("true");
    expect(output.inodes).toEqual(first.inodes);
    await output.ended;
    await outputs.close();
    expect(existsSync(pipes)).toBe(false);
  });

  test("of many instances at once do not mix", async () => {
    const all = Array.from({ length: 20 }, (_, index) =>
      run(`i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo ${index}; done`, specOf({}, `i${index}`)),
    );
    await Promise.all(all.map(({ output }) => output.ended));
    expect(place.lines).toHaveLength(4_000);
    expect(place.lines.every(({ instance, text }) => instance === `i${text}`)).toBe(true);
  });

  test("that an earlier supervisor left go, and nothing else", async () => {
    const other = join(directory, "other");
    await outputs.close();
    outputs = openOutputs({ directory: other, journal: place, errors: { look: () => {}, ended: () => {} } });
    writeFileSync(join(other, "7.out"), "");
    writeFileSync(join(other, "note"), "");
    const again = openOutputs({ directory: other, journal: place, errors: { look: () => {}, ended: () => {} } });
    expect(readdirSync(other)).toEqual(["note"]);
    await again.close();
    expect(readdirSync(other)).toEqual(["note"]);
  });
});

describe("more than may be taken", () => {
  test("a full journal makes the process wait, and nothing is lost", async () => {
    place.full = true;
    const { output } = run("seq 1 100000; touch done");
    await new Promise<void>((resolve) => (place.onBlock = resolve));
    place.onBlock = () => {};
    const taken = place.count;
    // The process now fills the pipe and waits; what would be read then is what must not be.
    await new Promise<void>((resolve) => setTimeout(resolve, 100));
    expect(place.count).toBe(taken);
    expect(existsSync(join(directory, "done"))).toBe(false);
    place.empty();
    await output.ended;
    expect(existsSync(join(directory, "done"))).toBe(true);
    expect(place.texts()).toEqual(Array.from({ length: 100_000 }, (_, index) => String(index + 1)));
  });

  test("slow: the process waits, and every line comes", async () => {
    const began = performance.now();
    await run("seq 1 3000", specOf({ linesPerSecond: 1_000, overflow: "slow" })).output.ended;
    expect(place.texts()).toEqual(Array.from({ length: 3_000 }, (_, index) => String(index + 1)));
    expect(performance.now() - began).toBeGreaterThan(1_800);
    expect(place.lost).toEqual([]);
  });

  test("slow, and abandoned: what is there comes at once", async () => {
    const { output, child } = run("seq 1 1000; sleep 600", specOf({ linesPerSecond: 10, overflow: "slow" }));
    await new Promise<void>((resolve) => (place.onBlock = resolve));
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await once(child, "exit");
    output.abandon();
    await output.ended;
    expect(place.texts()).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index + 1)));
  });

  test("sample: the process does not wait, and a record says how many lines are missing", async () => {
    await run("seq -w 1 100000", specOf({ linesPerSecond: 1_000, overflow: "sample" })).output.ended;
    const missing = place.lost.reduce((sum, { lines }) => sum + lines, 0);
    const bytes = place.lost.reduce((sum, lost) => sum + lost.bytes, 0);
    expect(place.count).toBeGreaterThanOrEqual(1_000);
    expect(place.count + missing).toBe(100_000);
    expect(place.bytes + bytes).toBe(700_000);
    expect(place.lost.every(({ reason, from, to }) => reason === "rate" && from === null && to === null)).toBe(true);
    expect(place.texts()).toEqual(place.texts().toSorted());
  });
});
