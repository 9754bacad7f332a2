import { createServer, type Server, type Socket } from "node:net";
import { NovaError, quote } from "../../model/errors.ts";
import type { Prices } from "./broker/prices.ts";
import type { Door, Visit } from "./door.ts";
import type { DoorDirectory } from "./door-directory.ts";
import { Flows } from "./flows.ts";
import { OpenVisit } from "./visit.ts";

/** Far more than an agent with all its helpers opens at once. */
const mostConnections = 128;
/** With those that tunnels have on their other side. */
const mostFlows = 288;

/** One container's door: what comes in by its socket belongs to the run that is admitted, and to nobody while none is. */
export class ContainerDoor implements Door {
  readonly server: Server;
  readonly flows: Flows = new Flows(mostFlows);
  /** The run that is under way. */
  visit: OpenVisit | null = null;
  readonly #folder: string;
  readonly #prices: Prices;
  readonly #onClose: () => void;
  #directory: DoorDirectory | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: {
    readonly folder: string;
    readonly prices: Prices;
    readonly onConnection: (socket: Socket, door: ContainerDoor) => void;
    readonly onClose: () => void;
  }) {
    this.#folder = options.folder;
    this.#prices = options.prices;
    this.#onClose = options.onClose;
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.flows.add(socket);
      options.onConnection(socket, this);
    });
    this.server.maxConnections = mostConnections;
    this.server.on("error", () => undefined);
  }

  /** Says where the socket is, once it listens. */
  place(directory: DoorDirectory): void {
    this.#directory = directory;
  }

  get directory(): string {
    if (!this.#directory) throw new NovaError("INTERNAL", "The door has no place yet.");
    return this.#directory.path;
  }

  admit(run: Parameters<Door["admit"]>[0]): Visit {
    if (this.visit || this.#closing) {
      throw new NovaError(
        "INTERNAL",
        `The run ${quote(run.id)} cannot go in by a door that is ${this.visit ? "taken" : "closed"}.`,
      );
    }
    const visit = new OpenVisit({ folder: this.#folder, plan: run.plan, secrets: run.secrets, prices: this.#prices });
    this.visit = visit;
    return {
      variables: visit.variables,
      end: () => {
        if (this.visit === visit) {
          this.visit = null;
          this.flows.cut();
        }
        return visit.traffic();
      },
    };
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.visit = null;
    const removed = this.#directory?.remove();
    this.flows.cut();
    await removed;
    this.#onClose();
  }
}
