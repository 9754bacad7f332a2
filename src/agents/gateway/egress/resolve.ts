import { lookup } from "node:dns/promises";
import type { EgressRule } from "../door.ts";
import { addressTrouble, ownAddresses } from "./addresses.ts";
import type { Target } from "./target.ts";

/** Every address of a name, as the host's own resolver gives them. */
export type DNSLookup = (name: string) => Promise<readonly string[]>;

export const systemLookup: DNSLookup = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

/** Asks for one name after the other; those who want a name that is being asked for share its answer. */
export class OneByOne {
  readonly #lookup: DNSLookup;
  readonly #asked = new Map<string, Promise<readonly string[]>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(dnsLookup: DNSLookup) {
    this.#lookup = dnsLookup;
  }

  readonly lookup: DNSLookup = async (name) => {
    const asked = this.#asked.get(name);
    if (asked) return await asked;
    const asking = this.#last.then(async () => await this.#lookup(name)).finally(() => this.#asked.delete(name));
    this.#asked.set(name, asking);
    this.#last = asking.catch(() => undefined);
    return await asking;
  };
}

/**
 * The addresses that `target` may be connected at, checked one by one, or the reason why there is none. What is connected to is
 * what was checked here: nobody asks for the name again.
 */
export async function checkedAddresses(
  target: Target,
  rule: EgressRule,
  dnsLookup: DNSLookup,
): Promise<{ readonly addresses: readonly string[] } | { readonly refused: string } | { readonly failed: string }> {
  let found: readonly string[];
  try {
    found = target.isAddress ? [target.host] : await dnsLookup(target.host);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "no answer";
    return { failed: `its name cannot be resolved (${code})` };
  }
  const own = ownAddresses();
  const troubles: string[] = [];
  const addresses = found.filter((address) => {
    const trouble = addressTrouble(address, { private: rule.private, own });
    if (trouble !== undefined) troubles.push(`${address} ${trouble}`);
    return trouble === undefined;
  });
  if (addresses.length) return { addresses };
  return troubles.length ? { refused: troubles.slice(0, 3).join(", ") } : { failed: "its name has no address" };
}
