import { type Connection, openConnection } from "./connection.ts";
import { connectOrLaunch } from "./launch.ts";
import type { Output } from "./output.ts";
import { type Environment, type Places, placesOf } from "./places.ts";

/** What a command has of the world. */
export interface Context {
  readonly env: Environment;
  /** Of the shell that asks. */
  readonly directory: string;
  readonly output: Output;
  readonly places: Places;
  /** The supervisor that runs. */
  connect(): Promise<Connection>;
  /** The same; starts one where none runs. */
  connectOrLaunch(): Promise<Connection>;
  setExitStatus(status: 0 | 1 | 2): void;
}

export function createContext(
  world: Pick<Context, "env" | "directory" | "output"> & { readonly setExitStatus: Context["setExitStatus"] },
): Context {
  const places = placesOf(world.env);
  return {
    ...world,
    places,
    connect: () => openConnection(places.socketPath),
    connectOrLaunch: () => connectOrLaunch(places, world.env),
  };
}

/** Asks and hangs up, whatever comes of it. */
export async function withConnection<Result>(
  opened: Promise<Connection>,
  ask: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await opened;
  try {
    return await ask(connection);
  } finally {
    connection.close();
  }
}
