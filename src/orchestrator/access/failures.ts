import ipaddr from "ipaddr.js";

/** So many failures of an address cost nothing: people mistype. */
const FREE = 5;
const FIRST_DELAY_MS = 1000;
const MOST_DELAY_MS = 300_000;
/** An address that has not failed for so long begins anew. */
const FORGOTTEN_MS = 900_000;
const ADDRESSES = 10_000;

interface Record {
  count: number;
  lastMs: number;
  untilMs: number;
}

/** Counts the failed attempts of each address, and lets those who go on failing wait longer each time. */
export class Failures {
  readonly #now: () => number;
  /** In the order of their last failure. */
  readonly #records = new Map<string, Record>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Until the address may try again; 0 when it may. */
  waitMs(address: string): number {
    const record = this.#records.get(networkOf(address));
    return record ? Math.max(0, record.untilMs - this.#now()) : 0;
  }

  failed(address: string): void {
    const now = this.#now();
    const network = networkOf(address);
    const known = this.#records.get(network);
    const count = (known && now - known.lastMs < FORGOTTEN_MS ? known.count : 0) + 1;
    const delayMs = count < FREE ? 0 : Math.min(MOST_DELAY_MS, FIRST_DELAY_MS * 2 ** (count - FREE));
    this.#records.delete(network);
    this.#records.set(network, { count, lastMs: now, untilMs: now + delayMs });
    if (this.#records.size <= ADDRESSES) return;
    const [oldest] = this.#records.keys();
    if (oldest !== undefined) this.#records.delete(oldest);
  }
}

/** What one holder of addresses has: an IPv4 address, or the 64 bits of IPv6 that a network is given at least. */
export function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, "");
  if (!ipaddr.isValid(bare)) return bare;
  const parsed = ipaddr.process(bare);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return parsed.toNormalizedString().split(":").slice(0, 4).join(":");
}
