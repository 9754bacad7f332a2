import { NovaError, quote } from "../../model/errors.ts";
import type { NetworkDescription } from "../observation.ts";
import { readID } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { readNetwork } from "./descriptions.ts";
import { statusOf } from "./errors.ts";
import { networkPath } from "./paths.ts";

/** By its whole name or id: engines also take the beginning of an id, which could be a stranger's. */
export async function findNetwork(connection: Connection, name: string): Promise<NetworkDescription | undefined> {
  try {
    const answer = await connection.call({ method: "GET", path: networkPath(name), what: `find the network ${quote(name)}` });
    const found = readNetwork(answer.body);
    return found.name === name || found.id === name ? found : undefined;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** A bridge. One of that name that is there already is `ENGINE_REFUSED`. */
export async function createNetwork(
  connection: Connection,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<NetworkDescription> {
  const what = `create the network ${quote(name)}`;
  networkPath(name);
  const body = { Name: name, Driver: "bridge", CheckDuplicate: true, Labels: labels };
  const answer = await connection.call({ method: "POST", path: "/networks/create", body, what });
  const made = await findNetwork(connection, readID(answer.body, what));
  if (!made) throw new NovaError("ENGINE_RESPONSE", `The engine made the network ${quote(name)} and does not know it.`);
  return made;
}

/** One that is gone is no error; one that containers are in is `ENGINE_REFUSED`. */
export async function removeNetwork(connection: Connection, name: string): Promise<void> {
  try {
    await connection.call({ method: "DELETE", path: networkPath(name), what: `remove the network ${quote(name)}` });
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
}
