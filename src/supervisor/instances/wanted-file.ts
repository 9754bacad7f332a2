import { constants } from "node:fs";
import { mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { type InstanceSpec, instanceSpecSchema } from "../../model/instance.ts";
import { hasCode, reasonOf } from "../../model/errors.ts";
import { circleThrough } from "./order.ts";
import type { ProcessID } from "./processes.ts";

/** What an instance shall be after the next boot, and what runs of it now. */
export interface WantedInstance {
  readonly spec: InstanceSpec;
  readonly shallRun: boolean;
  /** Leads the session by which what is left of it is found, also where a program overwrote its environment. */
  readonly process: ProcessID | null;
}

export interface Wanted {
  /** The boots whose processes may still run, the present one last. */
  readonly boots: readonly string[];
  /** The kernel's boot: without it the numbers of processes mean nothing. */
  readonly kernel: string;
  readonly instances: readonly WantedInstance[];
}

const FORMAT = 1;
const LARGEST_BYTES = 64 * 1024 * 1024;

const schema = z
  .strictObject({
    format: z.literal(FORMAT),
    boots: z.array(z.string().regex(/^[0-9a-f]{32}$/)).max(1000),
    kernel: z.string().max(64),
    instances: z
      .array(
        z.strictObject({
          spec: instanceSpecSchema,
          shallRun: z.boolean(),
          process: z.strictObject({ pid: z.number().int().min(2), startTicks: z.number().int().min(0) }).nullable(),
        }),
      )
      .max(10_000),
  })
  .refine(
    ({ instances }) => isOrdered(instances.map(({ spec }) => spec)),
    "instances are there twice or wait for one another in a circle",
  );

function isOrdered(specs: readonly InstanceSpec[]): boolean {
  const waits = new Map(specs.map(({ id, after }) => [id, after]));
  return waits.size === specs.length && specs.every(({ id }) => circleThrough(id, waits) === null);
}

export function wantedFile(directory: string): string {
  return join(directory, "instances.json");
}

/** What the last boot wanted. A file that cannot be used is set aside, told of, and gives nothing but the boots that can be made out in it. */
export async function readWanted(directory: string, tell: (message: string) => void): Promise<Wanted> {
  const path = wantedFile(directory);
  let text = "";
  try {
    text = await readWhole(path);
    const { boots, kernel, instances } = schema.parse(JSON.parse(text));
    return { boots, kernel, instances };
  } catch (thrown) {
    if (!hasCode(thrown, "ENOENT")) await setAside(path, thrown, tell);
    return { boots: [...new Set(text.match(/\b[0-9a-f]{32}\b/g))].slice(0, 1000), kernel: "", instances: [] };
  }
}

async function readWhole(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("it is no regular file");
    if (stats.size > LARGEST_BYTES) throw new Error(`it has ${stats.size} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function setAside(path: string, thrown: unknown, tell: (message: string) => void): Promise<void> {
  const aside = `${path}.damaged-${Date.now()}`;
  const reason = thrown instanceof z.ZodError ? z.prettifyError(thrown).replaceAll("\n", " ") : reasonOf(thrown);
  const where = await rename(path, aside).then(
    () => `It was set aside as ${aside}`,
    (error: unknown) => `It could not be set aside either (${reasonOf(error)})`,
  );
  tell(`The file of instances ${path} cannot be used (${reason.slice(0, 1000)}). ${where}; no instance is started from it.`);
}

/** Puts a whole new file in the place of the old one, or leaves the old one as it is. */
export async function writeWanted(directory: string, wanted: Wanted): Promise<void> {
  const path = wantedFile(directory);
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await unlink(draft);
  } catch (thrown) {
    if (!hasCode(thrown, "ENOENT")) throw thrown;
  }
  // The environment of an instance may hold secrets.
  const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(JSON.stringify({ format: FORMAT, ...wanted }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** Which boot of the kernel this is; empty where it does not say. */
export async function kernelBoot(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
