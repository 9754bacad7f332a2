import { isIPv6, connect, type LookupFunction, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Flows } from "../flows.ts";
import { readOpening, type Opening } from "./client-hello.ts";

const connectMs = 30_000;
const silenceMs = 900_000;
/** A client's first message comes in two or three. */
const mostParts = 64;
/** What a closed side leaves on its way to the other has this long to be taken. */
const lingerMs = 10_000;

/** A lookup that knows the checked addresses alone, so that no other can be connected to. */
export function fixedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_name, options, callback) => {
    const [first] = all;
    if (!first) callback(new Error("no address"), "");
    else if (options.all) callback(null, all);
    else callback(null, first.address, first.family);
  };
}

/** Connects to one of `addresses`; rejects with the error of the last when none answers in 30 s. Its end stays half open. */
export async function dial(name: string, addresses: readonly string[], port: number, flows: Flows): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: name, port, lookup: fixedLookup(addresses), allowHalfOpen: true });
    flows.add(socket);
    const timer = setTimeout(() => socket.destroy(new Error(`no connection after ${connectMs} ms`)), connectMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once("error", reject);
    socket.once("close", () => {
      clearTimeout(timer);
      reject(new Error("closed"));
    });
  });
}

/**
 * What a client says first, and the bytes of it that are read already. It says nothing when it ends, is lost, or takes longer
 * than 30 s, which ends it.
 */
export async function listenFirst(client: Socket): Promise<{ readonly opening: Opening; readonly bytes: Buffer }> {
  client.setTimeout(connectMs, () => client.destroy());
  const parts: Buffer[] = [];
  return await new Promise((resolve) => {
    const settle = (opening: Opening): void => {
      client.off("data", onData).off("end", onEnd).off("close", onEnd);
      client.pause();
      resolve({ opening, bytes: Buffer.concat(parts) });
    };
    const onData = (part: Buffer): void => {
      parts.push(part);
      // Read anew with each part: a client that sends single bytes would have the host do nothing else.
      const opening: Opening = parts.length > mostParts ? { is: "tls", name: null } : readOpening(Buffer.concat(parts));
      if (opening.is !== "unfinished") settle(opening);
    };
    const onEnd = (): void => settle({ is: "unfinished" });
    client.on("data", onData).on("end", onEnd).on("close", onEnd);
    client.resume();
  });
}

/** Carries bytes both ways until both sides have ended, one was lost, or nothing came for 15 minutes. */
export function join(client: Duplex & Pick<Socket, "setTimeout" | "destroySoon">, target: Socket): void {
  for (const [one, other] of [
    [client, target],
    [target, client],
  ] as const) {
    one.setTimeout(silenceMs, () => one.destroy());
    one.on("error", () => other.destroy());
    one.once("close", () => {
      if (one.errored) other.destroy();
      else {
        other.setTimeout(lingerMs, () => other.destroy());
        other.resume();
        other.destroySoon();
      }
    });
    one.pipe(other);
  }
}
