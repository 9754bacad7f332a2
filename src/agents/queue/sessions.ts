import { agentKind, type Group } from "../../model/group.ts";
import { runRecordSchema } from "../../model/run.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { Home } from "../home/home.ts";

const limitBytes = 1024 * 1024;

/**
 * The session that each chat's newest run with its agent ended in, also when another process carried that run. Looks at
 * each record once: a home keeps a thousand, and an answer shall not wait for them.
 */
export class Sessions {
  readonly #home: Home;
  readonly #latest = new Map<string, string>();
  #seen = new Set<string>();
  #reading: Promise<void> = Promise.resolve();

  constructor(home: Home) {
    this.#home = home;
  }

  /** Undefined when there is none, or when it was forgotten. */
  async latest(group: Group): Promise<string | undefined> {
    // One after the other: what another asker is still reading counts too.
    const reading = this.#reading.then(async () => await this.#read());
    this.#reading = reading.catch(() => undefined);
    await reading;
    return this.#latest.get(keyOf(group.jid, agentKind(group.agent ?? "claude")));
  }

  async #read(): Promise<void> {
    const runs = await HeldDirectory.find(this.#home.root, "data", "host", "runs");
    if (!runs) return;
    try {
      const names = (await runs.names()).filter((name) => /^\d+-[a-z0-9]+\.json$/.test(name)).toSorted();
      const fresh = names.filter((name) => !this.#seen.has(name));
      const seen = new Set(names);
      for (const name of fresh) {
        const text = await runs.read(name, limitBytes).catch(() => undefined);
        const record = runRecordSchema.safeParse(text === undefined ? undefined : parse(text)).data;
        if (!record?.newSessionId || record.ownSession) continue;
        this.#latest.set(keyOf(record.jid, record.agent), record.newSessionId);
      }
      this.#seen = seen;
    } finally {
      await runs.close();
    }
  }
}

function keyOf(jid: string, agent: string): string {
  return `${agent} ${jid}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
