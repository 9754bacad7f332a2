import type { Caller, Role } from "../../model/api/access.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { type AccessShelf, type KeptToken, LOCAL_TOKEN } from "./access.ts";
import { digestOf, isSameDigest, newSecret } from "./secret.ts";

/** Programs that look for keys in what was published by mistake go by such a beginning. */
const PREFIX = "nova_";
const TOKENS = 1000;

export function newToken(): string {
  return `${PREFIX}${newSecret()}`;
}

/** The tokens of an installation, known by their digests. */
export class Tokens {
  readonly #shelf: AccessShelf;
  readonly #now: () => number;
  #tokens: readonly KeptToken[];

  constructor(shelf: AccessShelf, kept: readonly KeptToken[], now: () => number) {
    this.#shelf = shelf;
    this.#tokens = kept;
    this.#now = now;
  }

  list(): readonly (Caller & { readonly createdAtMs: number })[] {
    return this.#tokens.map(({ name, role, createdAtMs }) => ({ name, role, createdAtMs }));
  }

  byName(name: string): Caller | null {
    const found = this.#tokens.find((token) => token.name === name);
    return found ? { name: found.name, role: found.role } : null;
  }

  /** Looks at every token, whichever it is. */
  byDigest(digest: string): Caller | null {
    let found: Caller | null = null;
    for (const { name, role, sha256 } of this.#tokens) if (isSameDigest(sha256, digest)) found = { name, role };
    return found;
  }

  async add(name: string, role: Role): Promise<string> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
      throw new NovaError("REQUEST_INVALID", `A token cannot be named ${quote(name)}.`, {
        place: "name",
        next: "Use 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit.",
      });
    const token = newToken();
    const sha256 = await digestOf(token);
    if (this.byName(name))
      throw new NovaError("REQUEST_INVALID", `There is a token named ${quote(name)} already.`, {
        place: "name",
        next: `Choose another name, or remove that one first (\`novabot tokens remove ${name}\`).`,
      });
    if (this.#tokens.length >= TOKENS)
      throw new NovaError("REQUEST_INVALID", `There are ${TOKENS} tokens already, and there cannot be more.`, {
        next: "Remove those that nobody uses (`novabot tokens list`).",
      });
    await this.#put([...this.#tokens, { name, role, sha256, createdAtMs: this.#now() }]);
    return token;
  }

  async remove(name: string): Promise<void> {
    if (name === LOCAL_TOKEN)
      throw new NovaError("REQUEST_INVALID", `The token ${quote(name)} is this machine's own, which its programs use.`, {
        place: "name",
        next: "To change it, stop `novabot up`, delete the home's data/host/access/local-token, and start again.",
      });
    if (!this.byName(name))
      throw new NovaError("NOT_FOUND", `There is no token named ${quote(name)}.`, {
        place: "name",
        next: "See `novabot tokens list`.",
      });
    await this.#put(this.#tokens.filter((token) => token.name !== name));
  }

  /** Makes `token` this machine's own. Gives whether it was another before. */
  async setLocal(token: string): Promise<boolean> {
    const sha256 = await digestOf(token);
    const known = this.#tokens.find(({ name }) => name === LOCAL_TOKEN);
    if (known?.role === "admin" && isSameDigest(known.sha256, sha256)) return false;
    const others = this.#tokens.filter(({ name }) => name !== LOCAL_TOKEN);
    await this.#put([{ name: LOCAL_TOKEN, role: "admin", sha256, createdAtMs: this.#now() }, ...others]);
    return true;
  }

  /** What could not be kept does not count either; but who is removed is out at once. */
  async #put(tokens: readonly KeptToken[]): Promise<void> {
    const before = this.#tokens;
    this.#tokens = tokens;
    try {
      await this.#shelf.putTokens(tokens);
    } catch (error) {
      if (this.#tokens === tokens) this.#tokens = before;
      throw error;
    }
  }
}
