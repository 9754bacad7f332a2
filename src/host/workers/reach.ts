import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import { HEALTH_ASK_MS } from "../../model/link.ts";
import { dialFrom, type WorkerAddress } from "../../workers/link/dial.ts";
import { openLink, type WorkerLink } from "../../workers/link/link.ts";
import { reachOf } from "../../workers/plan.ts";
import { DOOR_PORT, type KeptWorker } from "../../workers/worker.ts";
import { connectInside } from "./connect-inside.ts";
import { leadsTo } from "./own-address.ts";
import type { Workers } from "./workers.ts";

/**
 * Where a worker's door is right now: its container may have another address after each start. `elsewhere` keeps, of each worker, the start whose address
 * was found to lead to somebody else or nowhere, so that this is not tried again; that one leads there is found anew each time, since an address changes
 * hands.
 */
export async function workerAddress(
  { engine, info, mayEnter }: Pick<Workers, "engine" | "info" | "mayEnter">,
  worker: KeptWorker,
  container: string,
  elsewhere: Map<string, string> = new Map(),
): Promise<WorkerAddress> {
  const { token, name, published } = worker;
  const reach = reachOf(worker.settings.network, info, mayEnter);
  if (reach === "published") {
    if (published) return { host: "127.0.0.1", port: published.door, token };
    throw new NovaError("LINK_LOST", `No port of this machine leads to the worker ${quote(name)}.`, {
      next: "Stop it and start it again: the engine was another one when it was started.",
    });
  }
  const found = await engine.inspect(container);
  const pid = found?.pid ?? null;
  const inside = (): WorkerAddress | undefined =>
    mayEnter && info.sharesKernel && pid !== null
      ? { host: "127.0.0.1", port: DOOR_PORT, token, connect: () => connectInside(pid, DOOR_PORT) }
      : undefined;
  if (reach === "address") {
    const [host] = Object.values(found?.addresses ?? {});
    if (host === undefined)
      throw new NovaError("LINK_LOST", `The worker ${quote(name)} has no address: its container does not run.`);
    const entered = inside();
    const start = `${container} ${pid} ${host}`;
    if (entered && elsewhere.get(name) === start) return entered;
    const whither = pid === null ? "unknown" : await leadsTo(host, DOOR_PORT, pid);
    if (whither !== "elsewhere" && whither !== "nowhere")
      return { host: host.includes(":") ? `[${host}]` : host, port: DOOR_PORT, token };
    elsewhere.set(name, start);
    if (entered) return entered;
    throw new NovaError("NOT_SUPPORTED", `The address ${host} of the worker ${quote(name)} does not lead to it from here.`, {
      next: `Its engine has a network of its own, which root alone enters; \`novabot worker exec ${name} -- CMD…\` works.`,
    });
  }
  const entered = inside();
  if (entered) return entered;
  throw new NovaError("NOT_SUPPORTED", `The worker ${quote(name)} has no network, so nothing reaches its door.`, {
    next: `Ask inside: \`novabot worker exec ${name} -- node /workspace/container/cli-tools.js logs get\`.`,
  });
}

/** Keeps a connection to the worker's door for as long as `use` takes, as one that asks and collects nothing. */
export async function withLink<T>(address: () => Promise<WorkerAddress>, use: (link: WorkerLink) => Promise<T>): Promise<T> {
  // What stands against a connection for good is told at once and not tried again.
  await address();
  const link = openLink({ dial: dialFrom(address), firstDelayMs: 50, mostDelayMs: 1000 });
  try {
    return await use(link);
  } finally {
    await link.close();
  }
}

/** What one of a worker's health doors says. */
export interface DoorHealth {
  readonly healthy: boolean;
  /** Why not. */
  readonly reason: string | null;
}

const HEALTH_BYTES = 65_536;

/** Never rejects: a door that cannot be asked is not healthy. */
export async function askHealth(
  { host, port, token, connect }: WorkerAddress,
  what: "terminal" | "websocket",
  timeoutMs: number = HEALTH_ASK_MS,
): Promise<DoorHealth> {
  try {
    const asked = request({
      host: host.replace(/^\[|\]$/g, ""),
      port,
      path: `/health/${what}`,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMs),
      // An agent would make connections of its own.
      ...(connect ? { createConnection: connect } : { agent: false }),
    });
    const answered = once(asked, "response") as Promise<[IncomingMessage]>;
    asked.end();
    const [answer] = await answered;
    const text = await readSome(answer);
    if (answer.statusCode === 200) return { healthy: true, reason: null };
    return { healthy: false, reason: reasonIn(text) ?? `the door answered ${answer.statusCode}` };
  } catch (error) {
    return { healthy: false, reason: messageOf(error) };
  }
}

async function readSome(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer.setEncoding("utf8") as AsyncIterable<string>) {
    text += chunk;
    if (text.length > HEALTH_BYTES) break;
  }
  return text;
}

function reasonIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "reason" in value && typeof value.reason === "string")
      return value.reason.slice(0, 500);
  } catch {
    // Then the status has to do.
  }
  return undefined;
}

/** A port of 127.0.0.1 that nobody has now; `wanted` when it is free. */
export async function freePort(wanted?: number): Promise<number> {
  const tryPort = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen(port, "127.0.0.1", () => {
        const address = server.address();
        server.close(() => resolve(typeof address === "object" && address ? address.port : undefined));
      });
    });
  const found = (wanted === undefined ? undefined : await tryPort(wanted)) ?? (await tryPort(0));
  if (found !== undefined) return found;
  throw new NovaError("WORKER_FAILED", "No port of 127.0.0.1 is free to publish the worker's door on.", {
    next: "End something that listens, then try again.",
  });
}
