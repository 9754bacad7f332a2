import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { hasCode } from "../../model/errors.ts";

const CONNECT_MS = 3000;
/** In the kernel's table. */
const LISTENS = "0A";

/** `refused`: nothing listens there, nor in the process's network; `unknown`: the kernel cannot be asked. */
export type Whither = "there" | "elsewhere" | "nowhere" | "refused" | "unknown";

/**
 * Whether a connection to `host` and `port` ends in the network of the process `pid`, which the kernel tells by its table of connections. An engine in a network of its own gives addresses that are somebody else's here, and who
 * has them must not get what is meant for the worker.
 */
export async function leadsTo(host: string, port: number, pid: number): Promise<Whither> {
  // Before the connection: what begins to listen meanwhile is not somebody else.
  const listened = await listens(pid, port);
  const whither = await new Promise<Whither | "denied">((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (answer: Whither | "denied"): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("error", (error) => {
        if (!hasCode(error, "ECONNREFUSED", "ECONNRESET")) end("nowhere");
        else end(listened && hasCode(error, "ECONNREFUSED") ? "denied" : "refused");
      })
      .once("timeout", () => end("nowhere"));
    socket.once("connect", () => {
      const own = socket.localPort;
      tableOf(pid).then(
        (table) => end(rowsOf(table).some(({ here, there }) => here === port && there === own) ? "there" : "elsewhere"),
        () => end("unknown"),
      );
    });
  });
  if (whither !== "denied") return whither;
  // Whoever refuses what the worker listens for is another, unless it stopped listening in between.
  return (await listens(pid, port)) ? "elsewhere" : "refused";
}

/** False where the kernel cannot be asked. */
async function listens(pid: number, port: number): Promise<boolean> {
  return await tableOf(pid).then(
    (table) => rowsOf(table).some(({ here, state }) => here === port && state === LISTENS),
    () => false,
  );
}

async function tableOf(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/net/tcp`, "latin1");
}

/** The ports of both ends, and the state, of each row of the kernel's table: `   1: 0200AC11:1F90 0100AC11:9C40 01 …`. */
function rowsOf(table: string): { readonly here: number; readonly there: number; readonly state: string }[] {
  const row = /^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) [0-9A-F]{8}:([0-9A-F]{4}) ([0-9A-F]{2}) /gm;
  return [...table.matchAll(row)].map(([, here = "", there = "", state = ""]) => ({
    here: Number.parseInt(here, 16),
    there: Number.parseInt(there, 16),
    state,
  }));
}
