import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { ContainerInput } from "../../model/protocol.ts";
import { GATEWAY_SOCKET, GATEWAY_TARGET } from "../../model/workspace.ts";

// Far more than a package manager opens at once, and far fewer than this process may have files.
const MOST_CONNECTIONS = 256;

/** A port on loopback that leads to the gateway's socket: programs know how to reach a port, and few how to reach a socket. */
export class Forwarder {
  readonly #socket: string;
  #listening: Promise<Server> | undefined;

  constructor(socket = `${GATEWAY_TARGET}/${GATEWAY_SOCKET}`) {
    this.#socket = socket;
  }

  /** Begins to listen when the socket is there, so that a container that waits for its run has the port already. */
  prepare(): void {
    if (!existsSync(this.#socket)) return;
    // Whoever asks for the port is told of a failure.
    this.#listen().catch(() => undefined);
  }

  /** The port; rejects when the socket is not there. */
  async port(): Promise<number> {
    if (!existsSync(this.#socket)) throw new Error(`The gateway's socket ${this.#socket} is not in this container.`);
    return ((await this.#listen()).address() as AddressInfo).port;
  }

  async #listen(): Promise<Server> {
    this.#listening ??= (async () => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#forward(client));
      server.maxConnections = MOST_CONNECTIONS;
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      // A connection that could not be accepted is the agent's loss; what it says must not end this process.
      server.on("error", () => undefined);
      server.unref();
      return server;
    })();
    return await this.#listening;
  }

  #forward(client: Socket): void {
    const gateway = connect({ path: this.#socket, allowHalfOpen: true });
    const join = (from: Socket, to: Socket): void => {
      from.on("error", () => to.destroy());
      // What was read before the end still goes out.
      from.on("close", (failed) => (failed ? to.destroy() : to.destroySoon()));
      from.pipe(to);
    };
    join(client, gateway);
    join(gateway, client);
  }
}

/** The variables that lead programs to `port`: model requests as plain ones, everything else as a proxy's. */
export function gatewayVariables(gateway: NonNullable<ContainerInput["gateway"]>, port: number): Record<string, string> {
  const address = `http://127.0.0.1:${port}`;
  return {
    ...(gateway.broker ? { ANTHROPIC_BASE_URL: address } : {}),
    ...(gateway.proxy ? { HTTP_PROXY: address, HTTPS_PROXY: address, http_proxy: address, https_proxy: address } : {}),
    ...(gateway.proxy
      ? { NO_PROXY: "localhost,127.0.0.1,::1", no_proxy: "localhost,127.0.0.1,::1", NODE_USE_ENV_PROXY: "1" }
      : {}),
  };
}
