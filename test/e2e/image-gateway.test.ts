import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import type { ContainerOutput } from "../../src/model/protocol.ts";
import { type GroupFolders, makeGroupFolders, runAgentContainer } from "../fixtures/agent-container.ts";

let engine: Engine;
let folders: GroupFolders;
let gateway: Server;
const clients = new Set<Socket>();

beforeAll(async () => {
  engine = await findEngine(process.env);
  folders = await makeGroupFolders();
  // Says everything back, to the end and a little after it.
  gateway = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client);
    client.on("error", () => undefined).on("close", () => clients.delete(client));
    client.on("end", () => client.end("the end")).pipe(client, { end: false });
  });
  await new Promise<void>((resolve) =>
    gateway.listen({ path: join(folders.gateway, "gateway.sock"), writableAll: true }, resolve),
  );
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  gateway?.close();
  await folders?.remove();
});

async function inside(script: string, gates = { broker: true, proxy: true }): Promise<ContainerOutput | undefined> {
  const agent = { command: ["node", "-e", `${prelude}\n(async () => { ${script} })()`] };
  const { frames } = await runAgentContainer(engine, { folders, input: { prompt: "", agent, gateway: gates } });
  return frames.at(-1);
}
const prelude = `
const net = require("node:net");
const port = Number((process.env.ANTHROPIC_BASE_URL ?? "").split(":")[2]);
const say = (bytes, options = { allowHalfOpen: true }) => new Promise((resolve) => {
  const socket = net.connect({ port, host: "127.0.0.1", ...options }); let got = 0; let tail = "";
  socket.on("data", (chunk) => { got += chunk.length; tail = (tail + chunk.toString("latin1")).slice(-7); });
  socket.on("close", () => resolve(got + " " + tail)).on("error", () => undefined);
  socket.end(bytes);
});`;

test("the agent is told the port, and no more than the run may use", async () => {
  const names = 'console.log(Object.keys(process.env).filter((name) => /proxy|anthropic/i.test(name)).sort().join(" "));';
  expect((await inside(names))?.result).toBe(
    "ANTHROPIC_BASE_URL HTTPS_PROXY HTTP_PROXY NODE_USE_ENV_PROXY NO_PROXY http_proxy https_proxy no_proxy",
  );
  expect((await inside(names, { broker: true, proxy: false }))?.result).toBe("ANTHROPIC_BASE_URL");
  expect((await inside(names, { broker: false, proxy: false }))?.result).toBe("");
});

test("what goes in and out is whole, in both directions and at both ends", async () => {
  expect((await inside('console.log(await say("hello"));'))?.result).toBe("12 the end");
  expect((await inside("console.log(await say(Buffer.alloc(20_000_000)));"))?.result).toBe("20000007 the end");
});

test("a reader that stands still does not fill the runner's memory, and connections without end do not end it", async () => {
  const script = `
    const slow = net.connect({ port, host: "127.0.0.1" }); slow.pause();
    slow.on("error", () => undefined).write(Buffer.alloc(50_000_000));
    const all = Array.from({ length: 600 }, () => { const s = net.connect({ port, host: "127.0.0.1" }); s.on("error", () => undefined); return s; });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const runner = require("node:fs").readdirSync("/proc").find((pid) => { try { return /runner\\.mjs/.test(require("node:fs").readFileSync("/proc/" + pid + "/cmdline", "utf8")); } catch { return false; } });
    const kib = Number(/VmRSS:\\s+(\\d+)/.exec(require("node:fs").readFileSync("/proc/" + runner + "/status", "utf8"))[1]);
    for (const socket of all) socket.resetAndDestroy();
    slow.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(kib < 150_000 ? "small" : kib, await say("still there"));
    process.exit(0);`;
  expect((await inside(script))?.result).toBe("small 18 the end");
});

test("a gateway that is not there is an error of the run, or of the connection when it goes away later", async () => {
  const bare = await makeGroupFolders();
  try {
    const input = { prompt: "", agent: { command: ["true"] }, gateway: { broker: true, proxy: false } };
    const { frames } = await runAgentContainer(engine, { folders: bare, input });
    expect(frames[0]).toMatchObject({ status: "error", error: expect.stringContaining("/workspace/gateway/gateway.sock") });
  } finally {
    await bare.remove();
  }
});
