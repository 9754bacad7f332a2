import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { InstanceSpec } from "../../model/instance.ts";
import type { OpenOutput, Output } from "../instances/output.ts";
import { type FifoPair, Fifos } from "./fifos.ts";
import { Gate, type Sink } from "./gate.ts";
import { readingMemory } from "./line-splitter.ts";
import { StreamCapture } from "./stream-capture.ts";

export interface Outputs {
  readonly openOutput: OpenOutput;
  /** Abandons all that are open and takes the pipes away; resolves when their last lines are in the journal. */
  close(): Promise<void>;
}

export interface OutputsOptions extends Sink {
  /** The pipes' own: it is made if missing, with mode 0700, and emptied. */
  readonly directory: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Where instances write: real pipes whose lines go into the journal and past the error watch. */
export function openOutputs({ directory, journal, errors, now = Date.now }: OutputsOptions): Outputs {
  const fifos = new Fifos(directory);
  const memory = readingMemory();
  const open = new Set<Output>();
  let closing: Promise<void> | null = null;

  function openOutput(spec: InstanceSpec): Output {
    const pair = fifos.take();
    const opened: number[] = [];
    try {
      const readers = [pair.stdout, pair.stderr].map((path) => openEnd(path, constants.O_RDONLY | constants.O_NONBLOCK, opened));
      const writers = [pair.stdout, pair.stderr].map((path) => openEnd(path, constants.O_WRONLY, opened));
      return capture(spec, pair, readers, writers);
    } catch (thrown) {
      for (const descriptor of opened) closeSync(descriptor);
      fifos.discard(pair);
      throw thrown;
    }
  }

  function capture(
    spec: InstanceSpec,
    pair: FifoPair,
    [outReader = -1, errReader = -1]: readonly number[],
    [stdout = -1, stderr = -1]: readonly number[],
  ): Output {
    const inodes = [fstatSync(stdout).ino, fstatSync(stderr).ino];
    const gate = new Gate(
      spec,
      { journal, errors },
      () => performance.now(),
      () => streams.forEach((stream) => stream.resume()),
    );
    const streams = [
      new StreamCapture(outReader, { instance: spec.id, stream: "stdout" }, memory, gate, journal, now),
      new StreamCapture(errReader, { instance: spec.id, stream: "stderr" }, memory, gate, journal, now),
    ];
    let isHandedOver = false;
    const output: Output = {
      stdout,
      stderr,
      inodes,
      handedOver() {
        if (isHandedOver) return;
        isHandedOver = true;
        closeSync(stdout);
        closeSync(stderr);
      },
      ended: Promise.all(streams.map(({ ended }) => ended)).then(() => {
        gate.end();
        errors.ended(spec.id);
        open.delete(output);
        if (streams.every(({ isQuiet }) => isQuiet)) fifos.giveBack(pair);
        else fifos.discard(pair);
      }),
      abandon() {
        for (const stream of streams) stream.abandon();
      },
    };
    open.add(output);
    return output;
  }

  async function closeAll(): Promise<void> {
    const all = [...open];
    for (const output of all) {
      output.handedOver();
      output.abandon();
    }
    await Promise.all(all.map(({ ended }) => ended));
    fifos.close();
  }

  return {
    openOutput,
    close: () => (closing ??= closeAll()),
  };
}

function openEnd(path: string, flags: number, opened: number[]): number {
  const descriptor = openSync(path, flags);
  opened.push(descriptor);
  return descriptor;
}
