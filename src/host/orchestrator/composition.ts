import type { Home } from "../../agents/home/home.ts";
import { appAccess } from "../../orchestrator/access/middleware.ts";
import { openAccess } from "../../orchestrator/access/open-access.ts";
import { openFeed } from "../../orchestrator/feed/open-feed.ts";
import { openLinks } from "../../orchestrator/links/open-links.ts";
import { openMonitoring } from "../../orchestrator/monitoring/session.ts";
import { openOperations } from "../../orchestrator/operations/open-operations.ts";
import type { AgentsSide, Fleet, HouseChecks, HouseFacts, Logger } from "../../orchestrator/ports.ts";
import { createApp } from "../../orchestrator/rest/app.ts";
import { openRPC } from "../../orchestrator/rpc/session.ts";
import { createSockets } from "../../orchestrator/sockets.ts";
import { createTerminals } from "../../orchestrator/terminal/terminals.ts";
import type { Store } from "../../store/store.ts";
import { openAccessFiles } from "./access-files.ts";
import { fileRecordings } from "./recordings.ts";
import { openServer } from "./server.ts";

export interface DoorsOptions {
  readonly home: Home;
  readonly store: Store;
  readonly logger: Logger;
  readonly fleet: Fleet;
  /** Null where the agents' side is not served. */
  readonly agents: AgentsSide | null;
  /** Null where no engine answers. */
  readonly checks: HouseChecks | null;
  readonly config: {
    readonly listen: { readonly host: string; readonly port: number };
    readonly insecure: boolean;
    readonly tls: { readonly cert: string; readonly key: string } | null;
    readonly hosts: readonly string[];
    readonly recordAll: boolean;
  };
  house(): HouseFacts;
}

/** The control plane with its doors open. */
export interface Doors {
  /** As this machine reaches it. */
  readonly url: string;
  /** Where the token of this machine's own commands is. */
  readonly tokenFile: string;
  /** Says farewell to all who are connected, then lets the workers go: what they tell waits in them. */
  close(): Promise<void>;
}

/** Puts the orchestrator's parts together on Node, and listens. Rejects with LISTEN_REFUSED, and then nothing goes on. */
export async function openDoors(options: DoorsOptions): Promise<Doors> {
  const { home, store, logger, fleet, agents, checks, config, house } = options;
  const { version } = house();
  const { host } = config.listen;
  const { shelf, localToken, tokenFile } = await openAccessFiles(home);
  const access = await openAccess({
    shelf,
    localToken,
    hosts: { names: [...config.hosts, host], anyAddress: ["0.0.0.0", "::"].includes(host) },
  });
  const feed = openFeed(store);
  const links = await openLinks({ fleet, store, logger });
  try {
    const { tokens, tickets } = access;
    const operations = openOperations({ store, links, tokens, tickets, agents, checks, logger, house, now: Date.now });
    const recordings = fileRecordings(home);
    const terminals = createTerminals({ fleet, links, store, recordings, recordAll: config.recordAll, logger });
    const sockets = createSockets({
      access,
      terminals,
      sessions: {
        "/ws/monitoring": (socket, caller) => openMonitoring(socket, { feed, operations, caller, logger, version }),
        "/rpc": (socket, caller) => openRPC(socket, { operations, feed, store, links, logger }, caller),
      },
    });
    const app = createApp({ operations, feed, store, links, access: appAccess(access), recordings, logger, version });
    const { listen, tls, insecure } = config;
    const server = await openServer({ fetch: app.fetch, sockets, listen, tls, insecure, logger });
    return {
      url: server.url,
      tokenFile,
      async close() {
        // The sockets' sessions say farewell first; then the streams of REST end, for which the server waits.
        const closed = server.close();
        feed.close();
        await closed;
        await links.close();
      },
    };
  } catch (thrown) {
    feed.close();
    await links.close();
    throw thrown;
  }
}
