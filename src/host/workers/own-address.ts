import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { hasCode } from "../../model/errors.ts";

const CONNECT_MS = 3000;

/** `refused`: something is there, and nothing listens; `unknown`: the kernel cannot be asked. */
export type Whither = "there" | "elsewhere" | "nowhere" | "refused" | "unknown";

/**
 * Whether a connection to `host` and `port` ends in the network of the process `pid`, which the kernel tells by its table of connections. An engine in a network of its own gives addresses that are somebody else's here, and who
 * has them must not get what is meant for the worker.
 */
export async function leadsTo(host: string, port: number, pid: number): Promise<Whither> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (answer: Whither): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("error", (error) => end(hasCode(error, "ECONNREFUSED", "ECONNRESET") ? "refused" : "nowhere"))
      .once("timeout", () => end("nowhere"));
    socket.once("connect", () => {
      const own = socket.localPort;
      readFile(`/proc/${pid}/net/tcp`, "latin1").then(
        (table) => end(connections(table).some(([here, there]) => here === port && there === own) ? "there" : "elsewhere"),
        () => end("unknown"),
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
