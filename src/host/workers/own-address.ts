import { readFile } from "node:fs/promises";
import { connect } from "node:net";

const CONNECT_MS = 3000;

/**
 * Whether a connection to `host` and `port` ends in the network of the process `pid`, which the kernel tells by its table of connections; undefined
 * where nothing listens or the kernel cannot be asked. An engine in a network of its own gives addresses that are somebody else's here, and who
 * has them must not get what is meant for the worker.
 */
export async function leadsTo(host: string, port: number, pid: number): Promise<boolean | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (answer: boolean | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("error", () => end(undefined)).once("timeout", () => end(undefined));
    socket.once("connect", () => {
      const own = socket.localPort;
      readFile(`/proc/${pid}/net/tcp`, "latin1").then(
        (table) =>
          end(own === undefined ? undefined : connections(table).some(([here, there]) => here === port && there === own)),
        () => end(undefined),
      );
    });
  });
}

/** The ports of both ends of each connection in the kernel's table: `   1: 0200AC11:1F90 0100AC11:9C40 01 …`. */
function connections(table: string): (readonly [number, number])[] {
  return [...table.matchAll(/^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) [0-9A-F]{8}:([0-9A-F]{4}) /gm)].map(
    ([, here = "", there = ""]) => [Number.parseInt(here, 16), Number.parseInt(there, 16)] as const,
  );
}
