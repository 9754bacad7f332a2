import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type InstanceSpec, instanceSpecSchema, type InstanceStatus } from "../../../../src/model/instance.ts";
import type { Instances } from "../../../../src/supervisor/instances/instances.ts";
import { type InstancesOptions, openInstances } from "../../../../src/supervisor/instances/open.ts";
import type { OpenOutput } from "../../../../src/supervisor/instances/output.ts";
import { endOwnProcesses, ownEnvironment } from "../../../fixtures/own-processes.ts";

/** A supervisor's instances in a directory of their own, with real pipes, and what the test sees of them. */
export interface House {
  readonly directory: string;
  readonly bootID: string;
  readonly instances: Instances;
  /** Every status that was told, in order. */
  readonly told: InstanceStatus[];
  readonly said: string[];
  readonly removed: string[];
  /** What an instance wrote to both streams. */
  output(id: string): string;
  /** Resolves with the first status that does it, of all that were told since the one numbered `from`. */
  until(does: (status: InstanceStatus) => boolean, from?: number): Promise<InstanceStatus>;
  /** Resolves when what an instance wrote holds this text. */
  untilOutput(id: string, text: string): Promise<void>;
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "novabot-instances-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens a house; at the end of the test all that runs in it is ended. */
export async function openHouse(options: Partial<InstancesOptions> = {}): Promise<House> {
  const directory = options.directory ?? temporaryDirectory();
  const bootID = options.bootID ?? randomBytes(16).toString("hex");
  const told: InstanceStatus[] = [];
  const said: string[] = [];
  const removed: string[] = [];
  const written = new Map<string, string>();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const once = (): void => {
          listeners.delete(once);
          resolve();
        };
        listeners.add(once);
      });
    }
  };

  const instances = await openInstances({
    directory,
    bootID,
    openOutput: pipes(directory, (id, text) => {
      written.set(id, (written.get(id) ?? "") + text);
      changed();
    }),
    onStatus: (status) => {
      told.push(status);
      changed();
    },
    onRemoved: (id) => removed.push(id),
    tell: (message) => {
      said.push(message);
      changed();
    },
    ...options,
    env: { ...(options.env ?? process.env), ...ownEnvironment() },
  });
  // What was registered last runs first.
  onTestFinished(endOwnProcesses);
  onTestFinished(() => instances.close(1_000));
  return {
    directory,
    bootID,
    instances,
    told,
    said,
    removed,
    output: (id) => written.get(id) ?? "",
    until: (does, from = 0) => until(() => told.slice(from).find(does)),
    untilOutput: async (id, text) => {
      await until(() => (written.get(id)?.includes(text) === true ? true : undefined));
    },
  };
}

/** Output into named pipes, read as they fill. */
export function pipes(directory: string, onText: (id: string, text: string) => void): OpenOutput {
  let count = 0;
  return ({ id }) => {
    const ends: Promise<void>[] = [];
    const readers: Socket[] = [];
    const open = (): number => {
      const path = join(directory, `pipe-${process.pid}-${(count += 1)}`);
      execFileSync("mkfifo", [path]);
      const reader = new Socket({
        fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
        readable: true,
        writable: false,
      });
      const writer = openSync(path, constants.O_WRONLY);
      rmSync(path);
      reader.on("data", (bytes) => onText(id, bytes.toString("utf8")));
      readers.push(reader);
      ends.push(new Promise((resolve) => reader.once("close", () => resolve())));
      return writer;
    };
    const stdout = open();
    const stderr = open();
    return {
      stdout,
      stderr,
      handedOver: () => {
        closeSync(stdout);
        closeSync(stderr);
      },
      inodes: [],
      ended: Promise.all(ends).then(() => undefined),
      abandon: () => {
        for (const reader of readers) reader.destroy();
      },
    };
  };
}

type Settings = Partial<Omit<InstanceSpec, "restart">> & { readonly restart?: Partial<InstanceSpec["restart"]> };

/** A spec with the defaults of a call. */
export function spec(id: string, argv: readonly string[], settings: Settings = {}): InstanceSpec {
  return instanceSpecSchema.parse({ id, argv, directory: "/tmp", ...settings });
}

/** A program in the language of the shell. */
export function shell(id: string, text: string, settings: Settings = {}): InstanceSpec {
  return spec(id, ["/bin/sh", "-c", text], settings);
}

/** A program in JavaScript, as CommonJS. */
export function script(id: string, text: string, settings: Settings = {}): InstanceSpec {
  return spec(id, [process.execPath, "-e", text], settings);
}

/** Processes that live and have this text in their command line. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text)) return false;
        return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
      } catch {
        return false;
      }
    });
}

/** A number of seconds for `sleep` that no other process sleeps, so that its command line can be looked for. */
export function oddSeconds(): string {
  return `3600.${randomBytes(4).readUInt32BE(0)}`;
}
