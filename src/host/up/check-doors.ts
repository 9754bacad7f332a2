import { createServer } from "node:net";
import { type Listening, listenAt, readTLS, refuseBareDoors } from "../orchestrator/listening.ts";

/**
 * Whether the doors can be opened, before anything is begun that would have to end again: agents that answer cost money. Rejects with
 * LISTEN_REFUSED.
 */
export async function checkDoors(doors: Listening): Promise<void> {
  refuseBareDoors(doors);
  await readTLS(doors.tls);
  const server = createServer();
  await listenAt(server, doors);
  await new Promise((resolve) => server.close(resolve));
}
