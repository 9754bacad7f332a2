import type { Hono } from "hono";
import { appAccess } from "../orchestrator/access/middleware.ts";
import { openAccess } from "../orchestrator/access/open-access.ts";
import { openFeed } from "../orchestrator/feed/open-feed.ts";
import { openLinks } from "../orchestrator/links/open-links.ts";
import type { Links } from "../orchestrator/links.ts";
import { openMonitoring } from "../orchestrator/monitoring/session.ts";
import { openOperations } from "../orchestrator/operations/open-operations.ts";
import { NovaError } from "../model/errors.ts";
import type { Logger } from "../orchestrator/ports.ts";
import { createApp } from "../orchestrator/rest/app.ts";
import type { AppEnv } from "../orchestrator/rest/environment.ts";
import type { FollowSource } from "../orchestrator/rest/follow.ts";
import { createSockets, type Sockets } from "../orchestrator/sockets.ts";
import { createTerminals } from "../orchestrator/terminal/terminals.ts";
import { openD1 } from "../store/d1/database.ts";
import type { Migration } from "../store/migrate.ts";
import { openStore } from "../store/open.ts";
import type { Retention, Store } from "../store/store.ts";
import type { BoundWorker, Environment } from "./environment.ts";
import { BoundFleet } from "./fleet.ts";
import { storedShelf } from "./shelf.ts";

export interface ControlPlaneOptions {
  readonly env: Environment;
  /** Of the Durable Object. */
  readonly storage: DurableObjectStorage;
  readonly migrations: readonly Migration[];
  /** Of each worker. */
  readonly bounds: Retention;
  readonly logger: Logger;
}

export interface ControlPlane extends FollowSource {
  readonly app: Hono<AppEnv>;
  readonly sockets: Sockets;
}

/** So long whoever wakes this waits for the workers that are dialled. */
const FIRST_TRY_MS = 5000;
const LOOK_MS = 25;
/** A token that could be guessed would open every door. */
const LEAST_TOKEN = 32;

/** Puts the orchestrator's parts together on Workers. The agents' side and the engines are elsewhere. Rejects with CONFIG_INVALID, and as the store does. */
export async function openControlPlane({ env, storage, migrations, bounds, logger }: ControlPlaneOptions): Promise<ControlPlane> {
  const { NOVABOT_TOKEN: localToken, HOSTS, WORKERS } = env;
  if (typeof localToken !== "string" || localToken.length < LEAST_TOKEN)
    throw new NovaError("CONFIG_INVALID", `the secret NOVABOT_TOKEN has less than ${LEAST_TOKEN} characters`, {
      place: "NOVABOT_TOKEN",
      next: "Set it with `wrangler secret put NOVABOT_TOKEN`.",
    });
  const version = env.VERSION?.id ?? "workers";
  const startedAtMs = Date.now();
  const store = await openStore(openD1(env.DB), { migrations, bounds });
  const names = HOSTS.split(/\s+/).filter((name) => name !== "");
  const access = await openAccess({ shelf: storedShelf(storage), localToken, hosts: { names, anyAddress: false } });
  const { tokens, tickets } = access;
  const fleet = new BoundFleet({ workers: WORKERS, bindings: { ...env } });
  const feed = openFeed(store);
  const links = await openLinks({ fleet, store, logger });
  await firstTried(store, links, WORKERS);
  const operations = openOperations({
    store,
    links,
    tokens,
    tickets,
    agents: null,
    checks: null,
    logger,
    house: () => ({ version, home: "workers", pid: null, startedAtMs, engine: "cloudflare", storeTrouble: null }),
    now: Date.now,
  });
  const terminals = createTerminals({ fleet, links, store, recordings: null, recordAll: false, logger });
  const sockets = createSockets({
    access,
    terminals,
    // Cap'n Web's streams come to a stop where workerd sends them: RPC has the entrypoint here.
    sessions: { "/ws/monitoring": (socket, caller) => openMonitoring(socket, { feed, operations, caller, logger, version }) },
  });
  const app = createApp({ operations, feed, store, links, access: appAccess(access), recordings: null, logger, version });
  return { app, sockets, operations, feed, store, links };
}

/** Whoever asks first finds the workers linked that answer, though nothing stood before the question. */
async function firstTried(store: Store, links: Links, workers: readonly BoundWorker[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    if (workers.every(({ name }) => links.state(name)?.state !== "connecting")) resolve();
  };
  const end = store.listen(look);
  // A worker that was linked before this began is told of by no entry when it is again.
  const again = setInterval(look, LOOK_MS);
  const late = setTimeout(resolve, FIRST_TRY_MS);
  look();
  await promise;
  clearTimeout(late);
  clearInterval(again);
  end();
}
