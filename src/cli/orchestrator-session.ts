import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { Command } from "commander";
import type { Home } from "../agents/home/home.ts";
import { type Client, openClient } from "../client/client.ts";
import { findUp } from "../host/up/find-up.ts";
import { NovaError } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { connectByWS } from "./orchestrator-socket.ts";
import { openChosenHome } from "./session.ts";

/** The orchestrator that NOVABOT_URL names, with NOVABOT_TOKEN, or else the one of the home's `novabot up`. */
export async function openOrchestratorClient(command: Command, context: CLIContext): Promise<Client> {
  const url = context.env["NOVABOT_URL"];
  if (url) {
    const token = context.env["NOVABOT_TOKEN"];
    if (token) return openClient({ url, token, connect: connectByWS });
    throw new NovaError("USAGE", "NOVABOT_URL names an orchestrator, and NOVABOT_TOKEN holds nothing to be let in with.", {
      place: "NOVABOT_TOKEN",
      next: "Have a token made there (`novabot tokens add NAME`), and put it into NOVABOT_TOKEN.",
    });
  }
  return await openHomeClient(await openChosenHome(command, context, false));
}

/** The orchestrator of the home's `novabot up`. */
export async function openHomeClient(home: Home): Promise<Client> {
  const { url, token, certificate } = await findUp(home);
  // The certificate may be one that nobody else vouches for; this machine has it from the home itself.
  if (certificate !== null) setDefaultCACertificates([...getCACertificates("default"), certificate]);
  return openClient({ url, token, connect: connectByWS });
}
