import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, fstatSync, statSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { InstanceSpec } from "../../model/instance.ts";
import { hasCode, messageOf, NovaError, quote, reasonOf } from "../../model/errors.ts";
import type { Traits } from "./belongings.ts";
import { type Marker, MARKER_VARIABLE, writeMarker } from "./marker.ts";
import type { OpenOutput, Output } from "./output.ts";
import { fileKey, readProcess, startedEver } from "./processes.ts";

/** The last lines come at once when all who write are gone, but for an instance that is slowed down; what the pipe holds then is read in one go. */
const OUTPUT_END_MS = 250;

/** How the process that was started ended; what it started itself may still be there. */
export interface End {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LiveProcess {
  readonly pid: number;
  readonly output: Output;
  readonly traits: Traits;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Of a clock that never goes back. */
  readonly startedMs: number;
}

/**
 * Starts the program in a session of its own, with its output in the pipes of `openOutput` and without input. Rejects with INSTANCE_FAILED when the
 * kernel does not start it, and leaves nothing behind then.
 */
export async function startProcess(
  spec: InstanceSpec,
  env: Readonly<Record<string, string>>,
  marker: Marker,
  openOutput: OpenOutput,
  onEnd: (end: End) => void,
): Promise<LiveProcess> {
  const output = open(spec, openOutput);
  let child: ChildProcess;
  let pipes: ReadonlySet<string>;
  const startedBefore = startedEver();
  try {
    pipes = new Set([output.stdout, output.stderr].map((descriptor) => fileKey(fstatSync(descriptor, { bigint: true }))));
    child = spawn(spec.argv[0] ?? "", spec.argv.slice(1), {
      cwd: spec.directory,
      env: { ...env, [MARKER_VARIABLE]: writeMarker(marker) },
      stdio: ["ignore", output.stdout, output.stderr],
      detached: true,
    });
    // Some failures are thrown, others are told by an event that comes right after.
    if (child.pid === undefined) throw (await once(child, "error").catch((thrown: unknown) => [thrown]))[0];
  } catch (thrown) {
    output.handedOver();
    output.abandon();
    throw failed(spec, thrown);
  }
  output.handedOver();
  child.on("exit", (exitCode, signal) => onEnd({ exitCode, signal }));
  // It may have ended already; until its end was told, the kernel keeps what it says of it.
  const startTicks = readProcess(child.pid)?.startTicks ?? 0;
  return {
    pid: child.pid,
    output,
    traits: {
      startedBefore,
      leader: { pid: child.pid, startTicks },
      isMarker: (other) => other.bootID === marker.bootID && other.instance === marker.instance,
      pipes,
      port: spec.port,
    },
    startedAtMs: Date.now(),
    startedMs: performance.now(),
  };
}

/** Resolves when all that was written is kept. To be called when nobody who belongs to the process lives. */
export async function lastLines(output: Output): Promise<void> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(late.resolve, OUTPUT_END_MS, "late");
  const end = await Promise.race([output.ended, late.promise]);
  clearTimeout(timer);
  if (end === "late") output.abandon();
}

function open(spec: InstanceSpec, openOutput: OpenOutput): Output {
  try {
    return openOutput(spec);
  } catch (thrown) {
    throw new NovaError(
      "INSTANCE_FAILED",
      `${quote(spec.id)} was not started: its output could not be opened: ${reasonOf(thrown)}.`,
      {
        place: spec.id,
        next: "See that the supervisor's own directory can be written, then start it again.",
        cause: thrown,
      },
    );
  }
}

function failed(spec: InstanceSpec, thrown: unknown): NovaError {
  const { reason, next } = explain(spec, thrown);
  return new NovaError("INSTANCE_FAILED", `${quote(spec.id)} was not started: ${reason}.`, {
    place: spec.id,
    next,
    cause: thrown,
  });
}

/** The kernel's error numbers do not say whether the directory, the program or its interpreter is meant. */
function explain({ argv, directory }: InstanceSpec, thrown: unknown): { reason: string; next: string } {
  const program = argv[0] ?? "";
  const inDirectory = directoryTrouble(directory);
  if (inDirectory !== null) {
    return {
      reason: `its directory ${quote(directory)} ${inDirectory}`,
      next: "Name a directory that is there and may be entered.",
    };
  }
  if (hasCode(thrown, "ENOENT")) {
    if (program.includes("/") && isThere(program, directory)) {
      return {
        reason: `${quote(program)} is there, but the interpreter or loader that it names is not`,
        next: "Look at its first line, or at what it was built for.",
      };
    }
    const where = program.includes("/") ? "does not exist" : "is not in a directory of its PATH";
    return { reason: `the program ${quote(program)} ${where}`, next: "Name a program that the container has." };
  }
  if (hasCode(thrown, "EACCES")) {
    return {
      reason: `the program ${quote(program)} may not be executed`,
      next: "Name a program file with its execute permission set, or run it through its interpreter.",
    };
  }
  if (hasCode(thrown, "E2BIG")) {
    return {
      reason: "its arguments and environment are longer than the kernel takes",
      next: "Hand the long values over in a file.",
    };
  }
  if (hasCode(thrown, "EAGAIN")) {
    return {
      reason: "the container has as many processes as it may",
      next: "End some, or start the worker with a higher limit of processes.",
    };
  }
  return { reason: messageOf(thrown), next: "Mend what the kernel's own words name, then start it again." };
}

function directoryTrouble(directory: string): string | null {
  try {
    if (!statSync(directory).isDirectory()) return "is not a directory";
    accessSync(directory, constants.X_OK);
    return null;
  } catch (thrown) {
    return hasCode(thrown, "ENOENT") ? "does not exist" : `cannot be entered (${reasonOf(thrown)})`;
  }
}

function isThere(program: string, directory: string): boolean {
  try {
    statSync(program.startsWith("/") ? program : `${directory}/${program}`);
    return true;
  } catch {
    return false;
  }
}
