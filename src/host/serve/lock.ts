import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { type LockHolder, takeToldLock, type ToldLock } from "../told-lock.ts";

/** Takes it upon this process to serve the home, for as long as it lives. Rejects with `HOME_BUSY`, naming who does. */
export async function takeServeLock(home: Home): Promise<ToldLock> {
  return await takeToldLock(home, "serve", {}, z.object({}), (holder) => busy(home, holder));
}

function busy(home: Home, holder: LockHolder | undefined): NovaError {
  const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "a process that did not say which";
  return new NovaError("HOME_BUSY", `The home ${quote(home.root, 400)} is served already, by ${who}.`, {
    place: home.root,
    next: holder ? `Use that one (\`novabot status\`), or stop it first: kill ${holder.pid}` : "Use that one, or stop it first.",
    facts: holder ? { ...holder } : {},
  });
}
