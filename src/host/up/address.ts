import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { hasCode } from "../../model/errors.ts";

/** Where the home's orchestrator is, as it tells the commands of this machine. */
export interface UpAddress {
  readonly pid: number;
  /** The machine that the process is on. */
  readonly host: string;
  /** As this machine reaches it. */
  readonly url: string;
  /** The PEM file of the certificate that it shows; null without TLS. */
  readonly certificate: string | null;
  /** ISO 8601 in UTC. */
  readonly since: string;
}

const addressSchema: z.ZodType<UpAddress> = z.object({
  pid: z.number(),
  host: z.string(),
  url: z.url(),
  certificate: z.string().nullable(),
  since: z.string(),
});

const place = (home: Home): string => join(home.host, "orchestrator.json");

export async function writeAddress(home: Home, address: UpAddress): Promise<void> {
  const draft = `${place(home)}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(address)}\n`, { mode: 0o600 });
    await rename(draft, place(home));
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** What was written last; it may be of a process that was killed. Undefined where there is nothing. */
export async function readAddress(home: Home): Promise<UpAddress | undefined> {
  try {
    const parsed = addressSchema.safeParse(JSON.parse(await readFile(place(home), "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

export async function removeAddress(home: Home): Promise<void> {
  await rm(place(home), { force: true });
}
