import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Forwarder, gatewayVariables } from "../../../../src/agents/runner/forwarder.ts";

let directory: string;
let socket: string;
let gateway: Server;
let serve: (client: Socket) => void;
const open = new Set<Socket>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-forward-"));
  socket = join(directory, "gateway.sock");
  gateway = createServer({ allowHalfOpen: true }, (client) => {
    open.add(client);
    client.on("error", () => undefined);
    serve(client);
  });
  gateway.listen(socket);
  await once(gateway, "listening");
});
afterEach(async () => {
  for (const client of open) client.destroy();
  open.clear();
  gateway.close();
  await rm(directory, { recursive: true });
});

async function dial(forwarder: Forwarder): Promise<Socket> {
  const client = connect({ port: await forwarder.port(), host: "127.0.0.1", allowHalfOpen: true });
  open.add(client);
  await once(client, "connect");
  return client;
}

test("both directions end by themselves, and nothing at the end is lost", async () => {
  serve = (client) => {
    client.write("greeting ");
    client.on("end", () => client.end(Buffer.alloc(5_000_000, "x"))).resume();
  };
  const forwarder = new Forwarder(socket);
  forwarder.prepare();
  const client = await dial(forwarder);
  client.end("question");
  const answer = await text(client);
  expect(answer).toHaveLength(5_000_009);
  expect(answer.startsWith("greeting x")).toBe(true);
});

test("a side that breaks off takes the other with it", async () => {
  const accepted = Promise.withResolvers<Socket>();
  serve = (client) => accepted.resolve(client);
  const client = await dial(new Forwarder(socket));
  client.write("x");
  const other = await accepted.promise;
  other.resume();
  client.resetAndDestroy();
  await once(other, "end");
  expect(other.readableEnded).toBe(true);

  serve = (next) => next.destroy();
  const cut = await dial(new Forwarder(socket));
  cut.resume().on("error", () => undefined);
  cut.write("x");
  await once(cut, "end");
  expect(cut.readableEnded).toBe(true);
});

test("a gateway that is gone ends the connection, and one that never was is told", async () => {
  const forwarder = new Forwarder(socket);
  const port = await forwarder.port();
  expect(await forwarder.port()).toBe(port);
  await new Promise((resolve) => gateway.close(resolve));
  const client = connect({ port, host: "127.0.0.1" });
  client.resume().on("error", () => undefined);
  await once(client, "close");
  await expect(forwarder.port()).rejects.toThrow(`The gateway's socket ${socket} is not in this container.`);
  new Forwarder(socket).prepare();
  gateway.listen(socket);
  await once(gateway, "listening");
});

test("programs are told of the broker and of the proxy, each when it is there", () => {
  expect(gatewayVariables({ broker: true, proxy: false }, 81)).toEqual({ ANTHROPIC_BASE_URL: "http://127.0.0.1:81" });
  expect(gatewayVariables({ broker: false, proxy: true }, 81)).toEqual({
    HTTP_PROXY: "http://127.0.0.1:81",
    HTTPS_PROXY: "http://127.0.0.1:81",
    http_proxy: "http://127.0.0.1:81",
    https_proxy: "http://127.0.0.1:81",
    NO_PROXY: "localhost,127.0.0.1,::1",
    no_proxy: "localhost,127.0.0.1,::1",
    NODE_USE_ENV_PROXY: "1",
  });
});
