import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, NovaError, reasonOf } from "../model/errors.ts";
import { instanceSpecSchema } from "../model/instance.ts";
import { openOutputs } from "./capture/open-outputs.ts";
import { createDispatch } from "./doors/calls.ts";
import { createHealth } from "./doors/health.ts";
import { type DoorParts, openHTTPDoor } from "./doors/http-door.ts";
import { lockNames, takeLocks } from "./doors/lock.ts";
import { Monitor } from "./doors/monitor.ts";
import { openUnixDoor } from "./doors/unix-door.ts";
import { watchErrors } from "./errors/watch-errors.ts";
import { type Identity, newIdentity } from "./identity.ts";
import { containerEnvironment } from "./instances/environment.ts";
import type { Instances } from "./instances/instances.ts";
import { openInstances } from "./instances/open.ts";
import { openJournal } from "./records/open-journal.ts";
import type { Settings } from "./settings.ts";
import { openTerminals } from "./terminal/open-terminals.ts";

export interface SupervisorOptions {
  readonly settings: Settings;
  /** The one that it was started with; instances and terminals get it without what is the supervisor's own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the program of the settings runs. */
  readonly directory: string;
  readonly version: string;
  /** A sentence for the supervisor's own log. */
  readonly tell: (message: string) => void;
}

export interface Supervisor {
  readonly identity: Identity;
  /** Of the door; null where it has none. */
  readonly port: number | null;
  /** Ends everything in order, within the grace of the settings; once, however often it is called. */
  stop(why: string): Promise<void>;
}

/** Of the grace, at most so much is kept for what comes after the instances' end: the collector's last records, farewells, the disk. */
const FAREWELL_MS = 2_500;
/** The collector's part of that. */
const COLLECT_MS = 1_000;

/**
 * Boots: locks, then the address of the door (so that no instance takes it), records, instances, terminals, doors, and at last the program. Rejects with
 * SUPERVISOR_FAILED, with nothing left behind.
 */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const opened: (() => Promise<void> | void)[] = [];
  try {
    return await boot(options, opened);
  } catch (error) {
    for (const close of opened.toReversed()) {
      try {
        await close();
      } catch (thrown) {
        options.tell(`After the failure, something could not be closed: ${messageOf(thrown)}.`);
      }
    }
    throw error;
  }
}

async function boot(options: SupervisorOptions, opened: (() => Promise<void> | void)[]): Promise<Supervisor> {
  const { settings, version, tell } = options;
  await makeDirectory(dirname(settings.socketPath), "NOVABOT_SUPERVISOR_SOCKET", 0o700);
  await makeDirectory(settings.dataDirectory, "NOVABOT_DATA", 0o755);
  const locks = await takeLocks(lockNames(settings.socketPath, settings.dataDirectory));
  opened.push(() => locks.release());
  const identity = newIdentity(settings, version);

  const { promise: ready, resolve: letIn } = Promise.withResolvers<DoorParts>();
  const door = settings.door === null ? null : await openHTTPDoor(settings.door, ready);
  if (door) opened.push(() => door.close());
  else
    tell(
      "No token is set (NOVABOT_WORKER_TOKEN or NOVABOT_WORKER_TOKEN_FILE), so there is no door for a collector or a terminal.",
    );

  const journal = await openJournal({
    directory: join(settings.dataDirectory, "records"),
    bootID: identity.bootID,
    version,
    ...settings.records,
    onTrouble: tell,
  });
  opened.push(() => journal.close());
  const errors = watchErrors({
    onError: (group) => void journal.append({ kind: "error", instance: group.instance, group }),
  });
  opened.push(() => errors.close());
  const pipes = join(dirname(settings.socketPath), "pipes");
  await makeDirectory(pipes, "NOVABOT_SUPERVISOR_SOCKET", 0o700);
  const outputs = openOutputs({ directory: pipes, journal, errors });
  opened.push(() => outputs.close());

  const env = withoutDoor(options.env, door?.port ?? null);
  const instances = await openInstances({
    directory: settings.dataDirectory,
    bootID: identity.bootID,
    env,
    openOutput: outputs.openOutput,
    onStatus: (status) => void journal.append({ kind: "event", instance: status.id, event: { type: "instance", status } }),
    leave: settings.program === null ? [] : [settings.program.id],
    onRemoved: (id) => void journal.append({ kind: "event", instance: id, event: { type: "removed" } }),
    tell,
  });
  opened.push(() => instances.close(settings.stopGraceMs));
  const terminals = openTerminals({
    env: containerEnvironment(env),
    directory: options.directory,
    ...settings.terminals,
    place: (id) => instances.place(id),
    onEvent: (event) => void journal.append({ kind: "event", instance: null, event }),
    tell,
  });
  opened.push(() => terminals.close());

  const dispatch = createDispatch({
    identity,
    instances,
    journal,
    errors,
    doorPort: door?.port ?? null,
    linked: () => monitor.linked,
  });
  const monitor = new Monitor({ identity, journal, instances, dispatch });
  const unixDoor = await openUnixDoor(settings.socketPath, dispatch, () => monitor.history());
  opened.push(() => unixDoor.close());
  letIn({
    monitor: (socket) => monitor.accept(socket),
    terminal: (socket, request) => terminals.connect(socket, request),
    health: createHealth({ address: "127.0.0.1", token: "", ...settings.door, port: () => door?.port ?? 0 }),
  });
  // What an earlier boot left of it may take its time to end, and a signal must be heard meanwhile.
  void startProgram(options, instances);

  let stopping: Promise<void> | null = null;
  const stop = async (why: string): Promise<void> => {
    const endsAtMs = performance.now() + settings.stopGraceMs;
    const left = (): number => Math.max(0, endsAtMs - performance.now());
    const farewellMs = Math.min(FAREWELL_MS, settings.stopGraceMs / 3);
    // Each step gets no more than its time, and what goes wrong in one is no reason to leave out the others.
    const step = async (what: string, ms: number, work: Promise<unknown>): Promise<void> => {
      if (!(await within(ms, work, (error) => tell(`${what} did not end well: ${messageOf(error)}.`))))
        tell(`${what} did not end within ${Math.round(ms)} ms.`);
    };
    journal.append({ kind: "event", instance: null, event: { type: "stopping", why } });
    const instancesMs = left() - farewellMs;
    await Promise.all([
      step("The instances", left() - farewellMs / 2, instances.close(instancesMs)),
      step("The terminals", left() - farewellMs / 2, terminals.close()),
    ]);
    await step("The instances' output", left() / 2, outputs.close());
    errors.close();
    // What the instances said in the end is worth most to whoever collects; one that is slow finds it after the next boot.
    await within(Math.min(COLLECT_MS, left() / 2), monitor.collected(journal.lastSeq));
    await step("The sessions", left() / 2, monitor.stop(why));
    await step("The doors", left() / 2, Promise.all([door?.close(), unixDoor.close()]));
    await step("The records", left(), journal.close());
    await locks.release();
  };
  return { identity, port: door?.port ?? null, stop: (why) => (stopping ??= stop(why)) };
}

/** An image says which port its application listens on; where that is the door's, it is not the application's. */
function withoutDoor(
  env: Readonly<Record<string, string | undefined>>,
  port: number | null,
): Readonly<Record<string, string | undefined>> {
  if (port === null || env["PORT"] !== String(port)) return env;
  const { PORT: _, ...rest } = env;
  return rest;
}

/** The container's command runs after each boot, whatever an earlier boot has kept under its id. */
async function startProgram({ settings, directory, tell }: SupervisorOptions, instances: Instances): Promise<void> {
  const { program } = settings;
  if (program === null) return;
  try {
    await instances.start(instanceSpecSchema.parse({ ...program, directory }));
  } catch (error) {
    // A program that does not start is the instance's matter: its state says so, and terminals and calls work.
    tell(`${program.id} did not start: ${messageOf(error)}.`);
  }
}

async function makeDirectory(path: string, setting: string, mode: number): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode });
    // The mask of whoever started it shall not decide who may enter.
    if (made !== undefined) await chmod(path, mode);
  } catch (error) {
    throw new NovaError("SUPERVISOR_FAILED", `the directory ${path} cannot be made (${reasonOf(error)})`, {
      place: path,
      next: `Set ${setting} to a path that this user may write to, or give it that one.`,
      cause: error,
    });
  }
}

/** Whether it ended, well or not, within that time. */
async function within(ms: number, work: Promise<unknown>, onError: (error: unknown) => void = () => {}): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  const ended = work.then(
    () => true,
    (error: unknown) => {
      onError(error);
      return true;
    },
  );
  const isInTime = await Promise.race([ended, late]);
  clearTimeout(timer);
  return isInTime;
}
