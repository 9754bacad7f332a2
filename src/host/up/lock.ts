import { join } from "node:path";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { openHostDirectory } from "../../agents/home/host-directory.ts";
import { isFileLocked } from "../../agents/turns/file-lock.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { type LockHolder, takeToldLock, type ToldLock } from "../told-lock.ts";

/** Takes it upon this process to be the home's orchestrator, which alone has its database. Rejects with `HOME_BUSY`, naming who does. */
export async function takeUpLock(home: Home): Promise<ToldLock> {
  await (await openHostDirectory(home)).close();
  return await takeToldLock(home, "up", {}, z.object({}), (holder) => busy(home, holder));
}

/** Whether a `novabot up` of the home lives, on whatever machine that shares its file system. */
export function isUp(home: Home): boolean {
  return isFileLocked(join(home.host, "up.lock"));
}

function busy(home: Home, holder: LockHolder | undefined): NovaError {
  const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "a process that did not say which";
  return new NovaError("HOME_BUSY", `The home ${quote(home.root, 400)} is up already, by ${who}.`, {
    place: home.root,
    next: "Look at it with `novabot status`, or end it with `novabot down`.",
    facts: holder ? { ...holder } : {},
  });
}
