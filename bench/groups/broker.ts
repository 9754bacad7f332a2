import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Visit } from "../../src/agents/gateway/door.ts";
import { Gateway } from "../../src/agents/gateway/gateway.ts";
import { openHome } from "../../src/agents/home/home.ts";
import { Presence } from "../../src/agents/turns/presence.ts";

/** Times in milliseconds from a request's beginning. */
export interface Exchange {
  readonly firstByteMs: number;
  readonly endMs: number;
}

export interface BrokerFigures {
  readonly direct: readonly Exchange[];
  readonly brokered: readonly Exchange[];
  /** Milliseconds from the upstream's writing of each event to its reading: 100 events, 5 ms apart. */
  readonly directEvents: readonly number[];
  readonly brokeredEvents: readonly number[];
  /** Bytes a second of one long answer. */
  readonly directThroughput: number;
  readonly brokeredThroughput: number;
}

const EVENTS = 100;
const EVENT_PAUSE_MS = 5;
const LONG_BYTES = 256 * 1024 * 1024;
const body = JSON.stringify({
  model: "claude-sonnet-4-5",
  stream: true,
  messages: [{ role: "user", content: "x".repeat(20_000) }],
});

/** A stand-in for the API on loopback: `short` answers at once, `events` one by one with the time in each, `long` as fast as it is read. */
async function startUpstream(): Promise<Server> {
  const block = Buffer.alloc(64 * 1024, "x");
  const server = createServer((incoming, response) => {
    incoming.resume().on("end", () => {
      const kind = incoming.headers["x-bench"];
      response.writeHead(200, { "content-type": "text/event-stream" });
      if (kind === "events") {
        let sent = 0;
        const timer = setInterval(() => {
          response.write(`event: ping\ndata: {"type":"ping","at":${performance.now()}}\n\n`);
          if (++sent === EVENTS) {
            clearInterval(timer);
            response.end();
          }
        }, EVENT_PAUSE_MS);
        return;
      }
      if (kind === "long") {
        let left = LONG_BYTES;
        const more = (): void => {
          while (left > 0) {
            left -= block.length;
            if (!response.write(block)) return void response.once("drain", more);
          }
          response.end();
        };
        return more();
      }
      response.end(
        'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":1}}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

type Way = { readonly agent: Agent; readonly socketPath: string } | { readonly agent: Agent; readonly port: number };

async function ask(way: Way, headers: Record<string, string>, onChunk: (chunk: Buffer) => void): Promise<Exchange> {
  const began = performance.now();
  let firstByteMs = Number.NaN;
  const client = request({
    ...way,
    method: "POST",
    path: "/v1/messages",
    headers: { "content-type": "application/json", ...headers },
  });
  client.end(body);
  const [response] = (await once(client, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  response.on("data", (chunk: Buffer) => {
    if (Number.isNaN(firstByteMs)) firstByteMs = performance.now() - began;
    onChunk(chunk);
  });
  await once(response, "end");
  return { firstByteMs, endMs: performance.now() - began };
}

async function eventDelays(way: Way, headers: Record<string, string>): Promise<number[]> {
  const delays: number[] = [];
  await ask(way, { ...headers, "x-bench": "events" }, (chunk) => {
    const now = performance.now();
    for (const [, at] of chunk.toString().matchAll(/"at":([\d.]+)/g)) delays.push(now - Number(at));
  });
  return delays;
}

async function throughput(way: Way, headers: Record<string, string>): Promise<number> {
  let bytes = 0;
  const { endMs } = await ask(way, { ...headers, "x-bench": "long" }, (chunk) => (bytes += chunk.length));
  return (bytes / endMs) * 1000;
}

/** The same requests to a stand-in of the API, straight and through a door of the gateway, by turns. */
export async function measureBroker(rounds: number): Promise<BrokerFigures> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-bench-"));
  const upstream = await startUpstream();
  const { port } = upstream.address() as AddressInfo;
  const home = await openHome(join(directory, "home"), { create: true });
  const presence = await Presence.claim(home);
  const gateway = new Gateway({ home, host: presence, env: {} });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let visit: Visit | undefined;
  try {
    const door = await gateway.open({ folder: "bench", container: "bench" });
    visit = door.admit({
      id: "bench",
      plan: { broker: { upstream: `http://127.0.0.1:${port}`, credential: "ANTHROPIC_API_KEY" }, egress: null },
      secrets: new Map([["ANTHROPIC_API_KEY", "bench-key"]]),
    });
    const headers = { "x-api-key": visit.variables["ANTHROPIC_API_KEY"] ?? "" };
    const straight: Way = { agent, port };
    const through: Way = { agent, socketPath: join(door.directory, "gateway.sock") };
    const direct: Exchange[] = [];
    const brokered: Exchange[] = [];
    for (let round = -20; round < rounds; round += 1) {
      const one = await ask(straight, headers, () => undefined);
      const other = await ask(through, headers, () => undefined);
      if (round < 0) continue;
      direct.push(one);
      brokered.push(other);
    }
    return {
      direct,
      brokered,
      directEvents: await eventDelays(straight, headers),
      brokeredEvents: await eventDelays(through, headers),
      directThroughput: await throughput(straight, headers),
      brokeredThroughput: await throughput(through, headers),
    };
  } finally {
    visit?.end();
    agent.destroy();
    await gateway.close();
    await presence.release();
    upstream.closeAllConnections();
    upstream.close();
    await rm(directory, { recursive: true, force: true });
  }
}
