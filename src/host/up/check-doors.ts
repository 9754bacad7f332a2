import { createServer } from "node:net";
import { messageOf, NovaError } from "../../model/errors.ts";
import { type Listening, readTLS, refuseBareDoors } from "../orchestrator/listening.ts";

/**
 * Whether the doors can be opened, before anything is begun that would have to end again: agents that answer cost money. Rejects with
 * LISTEN_REFUSED.
 */
export async function checkDoors(doors: Listening): Promise<void> {
  refuseBareDoors(doors);
  await readTLS(doors.tls);
  const { host, port } = doors.listen;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    throw new NovaError("LISTEN_REFUSED", `The doors cannot be opened at ${host}:${port} (${messageOf(cause)}).`, {
      place: "listen",
      next: "Choose another `listen` in novabot.yaml, or end what listens there.",
      cause,
    });
  }
  await new Promise((resolve) => server.close(resolve));
}
