import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import { NovaError, quote } from "../../model/errors.ts";
import type { Home } from "../home/home.ts";
import { Broker } from "./broker/broker.ts";
import { readPrices, type Prices } from "./broker/prices.ts";
import { ContainerDoor } from "./container-door.ts";
import type { Door, Doors } from "./door.ts";
import { makeDoorDirectory, sweepDoors, type Host } from "./door-directory.ts";
import { EgressProxy } from "./egress/proxy.ts";
import { systemLookup, type DNSLookup } from "./egress/resolve.ts";

const headerBytes = 32 * 1024;
/** A client that asks again within this time need not connect again. */
const keepAliveMs = 600_000;
const silenceMs = 900_000;

/**
 * The one way out of containers that have no other: a socket for each, behind which are the broker for the model's API and the
 * proxy for what the owner allowed. Who asks is known by the socket that the question came through; no header says it.
 */
export class Gateway implements Doors {
  readonly #home: Home;
  readonly #host: Host;
  readonly #prices: Prices;
  readonly #broker = new Broker();
  readonly #proxy: EgressProxy;
  readonly #server: Server;
  readonly #doorOf = new WeakMap<Socket, ContainerDoor>();
  /** Connections with a request under way: clients that send the next one before they have their answer are hung up on. */
  readonly #busy = new WeakSet<Socket>();
  readonly #doors = new Set<ContainerDoor>();
  #swept: Promise<void> | undefined;

  /** `host` is the presence of this process in the home. Throws `USAGE` when the prices in `env` cannot be read. */
  constructor(options: {
    readonly home: Home;
    readonly host: Host;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly dnsLookup?: DNSLookup;
  }) {
    this.#home = options.home;
    this.#host = options.host;
    this.#prices = readPrices(options.env);
    this.#proxy = new EgressProxy(options.dnsLookup ?? systemLookup);
    // It never listens itself: the doors' own servers hand their connections over.
    this.#server = createServer({
      maxHeaderSize: headerBytes,
      keepAliveTimeout: keepAliveMs,
      requestTimeout: 0,
      headersTimeout: 0,
    });
    this.#server.maxHeadersCount = 200;
    this.#server.timeout = silenceMs;
    this.#server.on("request", (request, response) => this.#request(request, response));
    this.#server.on("connect", (request, socket, head) => this.#connect(request, socket, head));
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  async open({ folder, container }: { readonly folder: string; readonly container: string }): Promise<Door> {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(container)) {
      throw new NovaError("INTERNAL", `${quote(container)} cannot name a door's directory.`);
    }
    this.#swept ??= sweepDoors(this.#home, this.#host);
    await this.#swept;
    const door = new ContainerDoor({
      folder,
      prices: this.#prices,
      onConnection: (socket, from) => {
        this.#doorOf.set(socket, from);
        this.#server.emit("connection", socket);
      },
      onClose: () => this.#doors.delete(door),
    });
    door.place(await makeDoorDirectory(this.#home, this.#host, container, door.server));
    this.#doors.add(door);
    return door;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#doors].map(async (door) => await door.close()));
    this.#broker.close();
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    response.on("error", () => undefined);
    if (this.#busy.has(socket)) return void socket.destroy();
    this.#busy.add(socket);
    const free = (): void => void this.#busy.delete(socket);
    response.once("finish", free);
    response.once("close", free);
    const visit = this.#doorOf.get(socket)?.visit;
    if (!visit) return refuse(response);
    if (request.url?.startsWith("/")) return this.#broker.handle(request, response, visit.broker);
    this.#proxy.request(request, response, visit).catch(() => response.destroy());
  }

  #connect(request: IncomingMessage, socket: unknown, head: Buffer): void {
    if (!(socket instanceof Socket)) return;
    const door = this.#doorOf.get(socket);
    if (!door?.visit || this.#busy.has(socket)) return void socket.destroy();
    this.#proxy.connect(request, socket, head, door.visit, door.flows).catch(() => socket.destroy());
  }
}

function refuse(response: ServerResponse): void {
  const body = JSON.stringify({
    type: "error",
    error: { type: "permission_error", message: "NovaBot's gateway: no run is under way in this container" },
  });
  response.writeHead(403, { "content-type": "application/json", "content-length": Buffer.byteLength(body), connection: "close" });
  response.end(body);
}
