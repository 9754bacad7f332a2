import type { Socket } from "node:net";
import { NovaError, quote } from "../../model/errors.ts";

const CONNECTIONS = 2048;
/** Without a token, of which the oldest goes when another comes: who has a token shows it at once, and is not kept out by those who have none. */
const STRANGERS = 256;
/** That one token holds at once, so that its holder keeps out nobody else. */
const HELD = 512;
const RETRY_S = 5;

/** The connections to a server. Under TLS what came and what is read of it are two sockets, which have their peer in common. */
export class Connections {
  readonly #all = new Map<string, Socket>();
  readonly #strangers = new Map<string, Socket>();
  /** By the token's name. */
  readonly #held = new Map<string, Set<string>>();

  /** One that came, before a byte was read of it. */
  add(connection: Socket): void {
    const key = keyOf(connection);
    connection.on("error", () => connection.destroy());
    connection.on("close", () => this.#forget(key, connection));
    this.#all.set(key, connection);
    this.#strangers.set(key, connection);
    if (this.#all.size > CONNECTIONS) return void connection.destroy();
    const [oldest] = this.#strangers.values();
    if (this.#strangers.size > STRANGERS) oldest?.destroy();
  }

  /** Somebody came in on it. Throws ACCESS_LIMITED, and then it stays a stranger. */
  admit(connection: Socket, name: string): void {
    const key = keyOf(connection);
    if (!this.#all.has(key)) return;
    const held = this.#held.get(name) ?? new Set();
    if (held.size >= HELD && !held.has(key))
      throw new NovaError("ACCESS_LIMITED", `The token ${quote(name)} has ${HELD} connections open, and cannot have more.`, {
        next: "Close some of them; a program needs one.",
        facts: { retryAfterS: RETRY_S },
      });
    this.#held.set(name, held.add(key));
    this.#strangers.delete(key);
  }

  destroy(): void {
    for (const connection of this.#all.values()) connection.destroy();
  }

  #forget(key: string, connection: Socket): void {
    // Who came again from the same port has its name now.
    if (this.#all.get(key) !== connection) return;
    this.#all.delete(key);
    this.#strangers.delete(key);
    for (const [name, held] of this.#held) {
      held.delete(key);
      if (held.size === 0) this.#held.delete(name);
    }
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
