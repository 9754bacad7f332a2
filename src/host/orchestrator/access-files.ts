import { createHash } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import type { HeldDirectory } from "../../agents/home/held-directory.ts";
import { openHostDirectory } from "../../agents/home/host-directory.ts";
import type { Home } from "../../agents/home/home.ts";
import { roles } from "../../model/api/access.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { AccessShelf, KeptSession, KeptToken } from "../../orchestrator/access/access.ts";
import { newToken } from "../../orchestrator/access/tokens.ts";

const TOKENS = "tokens.json";
const SESSIONS = "sessions.json";
const LOCAL = "local-token";
const MOST_BYTES = 1_048_576;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const name = z.string().min(1).max(64);
const tokensSchema: z.ZodType<KeptToken[]> = z.array(
  z.strictObject({ name, role: z.enum(roles), sha256: digest, createdAtMs: z.number() }),
);
const sessionsSchema: z.ZodType<KeptSession[]> = z.array(z.strictObject({ sha256: digest, name, endsAtMs: z.number() }));

/** A home's tokens and sessions, with this machine's own token, which is made when there is none, and the file that it is in. */
export async function openAccessFiles(
  home: Home,
): Promise<{ readonly shelf: AccessShelf; readonly localToken: string; readonly tokenFile: string }> {
  const shelf = new AccessFiles(home);
  return { shelf, localToken: await shelf.localToken(), tokenFile: join(home.host, "access", LOCAL) };
}

/** The directory `data/host/access` of a home: no token but this machine's own can be read out of it. */
class AccessFiles implements AccessShelf {
  readonly installation: string;
  readonly #home: Home;
  /** One writes after the other, so that the last word stays. */
  #writing: Promise<void> = Promise.resolve();

  constructor(home: Home) {
    this.#home = home;
    this.installation = createHash("sha256").update(home.label).digest("hex").slice(0, 8);
  }

  async tokens(): Promise<readonly KeptToken[]> {
    return await this.#read(TOKENS, tokensSchema);
  }

  async putTokens(tokens: readonly KeptToken[]): Promise<void> {
    await this.#write(TOKENS, tokens);
  }

  async sessions(): Promise<readonly KeptSession[]> {
    return await this.#read(SESSIONS, sessionsSchema);
  }

  async putSessions(sessions: readonly KeptSession[]): Promise<void> {
    await this.#write(SESSIONS, sessions);
  }

  async localToken(): Promise<string> {
    return await this.#in(async (directory) => {
      const kept = (await directory.read(LOCAL, 4096))?.trim();
      if (kept !== undefined && /^\S{32,512}$/.test(kept)) return kept;
      const token = newToken();
      await directory.replace(LOCAL, `${token}\n`, 0o600);
      return token;
    });
  }

  async #read<T>(file: string, schema: z.ZodType<T[]>): Promise<readonly T[]> {
    const text = await this.#in((directory) => directory.read(file, MOST_BYTES));
    if (text === undefined) return [];
    const parsed = schema.safeParse(parse(text));
    if (parsed.success) return parsed.data;
    const path = `data/host/access/${file}`;
    throw new NovaError("HOME_INVALID", `The home's ${quote(path)} cannot be read: ${parsed.error.issues[0]?.message ?? "?"}.`, {
      place: path,
      next: "Mend the file, or delete it: then its tokens and sessions are no more, and have to be made anew.",
    });
  }

  async #write(file: string, value: readonly unknown[]): Promise<void> {
    const text = `${JSON.stringify(value, null, 2)}\n`;
    const written = this.#writing.then(() => this.#in((directory) => directory.replace(file, text, 0o600)));
    this.#writing = written.catch(() => undefined);
    await written;
  }

  async #in<T>(use: (directory: HeldDirectory) => Promise<T>): Promise<T> {
    const host = await openHostDirectory(this.#home);
    try {
      const directory = await host.ensureDirectory("access", 0o700);
      try {
        return await use(directory);
      } finally {
        await directory.close();
      }
    } finally {
      await host.close();
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
