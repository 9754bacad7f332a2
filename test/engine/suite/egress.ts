import { once } from "node:events";
import { createServer, request } from "node:http";
import { createServer as createTCPServer, type AddressInfo, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { GATEWAY_TARGET } from "../../../src/model/workspace.ts";
import { ruleOf } from "../../../src/agents/gateway/egress/rules.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { run, specOf, startReady } from "../../fixtures/engines/containers.ts";
import { CANARY, openDoor, openGateway, plan } from "../../fixtures/gateway.ts";

/** Runs in the container: tries every way out that it is told of, and says what came of each. */
const prober = String.raw`
const net = require("node:net"), dgram = require("node:dgram"), dns = require("node:dns"), fs = require("node:fs"), http = require("node:http");
const input = JSON.parse(fs.readFileSync(0, "utf8"));
const read = (path) => { try { return fs.readFileSync(path, "utf8"); } catch (error) { return error.code; } };
const settle = (begin, ms = 3000) => new Promise((resolve) => { setTimeout(() => resolve("timeout"), ms).unref(); begin(resolve); });
// What answers for sure has the time that a busy machine takes.
const surely = (begin) => settle(begin, 30_000);
const tcp = (options) => settle((resolve) => net.connect(options, () => resolve("connected")).on("error", ({ code }) => resolve(code)));
const udp = (address) => settle((resolve) => {
  const socket = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("error", ({ code }) => resolve(code));
  socket.on("message", () => resolve("answered"));
  socket.send("question", 53, address, (error) => error ? resolve(error.code) : setTimeout(() => resolve("sent"), 100));
});
const connectBy = (target) => surely((resolve) => {
  const asked = http.request({ socketPath: input.socket, method: "CONNECT", path: target, agent: false });
  asked.on("connect", (answer, socket, head) => {
    if (answer.statusCode !== 200) return resolve(String(answer.statusCode));
    if (head.length) return resolve("200 " + head);
    socket.on("data", (data) => resolve("200 " + data));
  });
  asked.on("response", (answer) => resolve(String(answer.statusCode)));
  asked.on("error", ({ code }) => resolve(code));
  asked.end();
});
const post = (token) => surely((resolve) => {
  const asked = http.request({ socketPath: input.socket, method: "POST", path: "/v1/messages", agent: false,
    headers: { "x-api-key": token, "content-type": "application/json" } }, (answer) => {
    let body = JSON.stringify(answer.rawHeaders);
    answer.on("data", (data) => (body += data)).on("end", () => resolve(answer.statusCode + " " + body));
  });
  asked.on("error", ({ code }) => resolve(code));
  asked.end("{}");
});
(async () => {
  const out = { tcp: {}, udp: {}, through: {}, posts: [] };
  const all = async (list, into, keyOf, ask) => Promise.all(list.map(async (one) => { into[keyOf(one)] = await ask(one); }));
  const resolving = settle((resolve) => dns.lookup("allowed.example", (error, address) => resolve(error ? error.code : address)));
  const trying = all(input.tcp, out.tcp, ([host]) => host, ([host, port]) => tcp({ host, port }));
  for (const [, server] of read("/etc/resolv.conf").matchAll(/^nameserver\s+(\S+)/gm)) input.udp.push(server);
  await Promise.all([trying, all(input.udp, out.udp, (address) => address, udp)]);
  out.resolved = await resolving;
  out.abstract = await tcp({ path: "\0" + input.abstract });
  for (const target of input.through) out.through[target] = await connectBy(target);
  for (const token of input.tokens) out.posts.push(await post(token));
  out.interfaces = fs.readdirSync("/sys/class/net");
  out.routes = read("/proc/net/route").trim().split("\n").length - 1;
  out.routes6 = read("/proc/net/ipv6_route").trim().split("\n").filter((line) => line && !line.endsWith(" lo")).length;
  out.capabilities = /CapEff:\s*(\S+)/.exec(read("/proc/self/status"))?.[1];
  out.unix = read("/proc/net/unix");
  try { fs.unlinkSync(input.socket); out.removed = true; } catch (error) { out.removed = error.code; }
  try { fs.writeFileSync(require("node:path").dirname(input.socket) + "/x", ""); out.written = true; } catch (error) { out.written = error.code; }
  // The pattern is none that finds itself.
  const pattern = new RegExp(input.pattern[0] + input.pattern[1]);
  out.found = [];
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    for (const name of ["environ", "cmdline"]) if (pattern.test(read("/proc/" + pid + "/" + name))) out.found.push(name);
  const walk = (directory) => {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      const path = directory + "/" + entry.name;
      if (entry.isDirectory()) { try { walk(path); } catch {} } else if (entry.isFile() && fs.statSync(path).size < 1e6 && pattern.test(read(path))) out.found.push(path);
    }
  };
  for (const directory of ["/etc", "/run", "/tmp", "/home", "/workspace", "/dev/shm"]) { try { walk(directory); } catch {} }
  console.log(JSON.stringify(out));
  process.exit();
})();
`;

interface Probed {
  readonly tcp: Readonly<Record<string, string>>;
  readonly udp: Readonly<Record<string, string>>;
  readonly through: Readonly<Record<string, string>>;
  readonly posts: readonly string[];
  readonly resolved: string;
  readonly abstract: string;
  readonly interfaces: readonly string[];
  readonly routes: number;
  readonly routes6: number;
  readonly capabilities: string;
  readonly unix: string;
  readonly removed: string | true;
  readonly written: string | true;
  readonly found: readonly string[];
}

async function listening<T extends Server>(server: T, at: string | { host: string; port: number }): Promise<T> {
  server.listen(at);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return server;
}

/** All that the engine's own API says of its containers and their pasts, as text. */
async function inspectAll(socketPath: string): Promise<string> {
  const get = async (path: string): Promise<string> => {
    const asked = request({ socketPath, path, agent: false });
    asked.end();
    const [answer] = await once(asked, "response");
    return await text(answer);
  };
  const listed = await get("/v1.40/containers/json?all=true");
  const ids = (JSON.parse(listed) as readonly { readonly Id: string }[]).map(({ Id }) => Id);
  return [listed, ...(await Promise.all(ids.map(async (id) => await get(`/v1.40/containers/${id}/json`))))].join("\n");
}

/** The ways out of a container that has no network but the gateway's socket, and those of one that has one, to compare. */
export function egressSuite(fixture: () => TestEngine): void {
  describe("the one way out", () => {
    test("a container without a network reaches what is allowed through its socket, and nothing by any other way", async () => {
      const { engine, socket } = fixture();
      const server = "require('node:net').createServer((s) => s.end()).listen(8443, '::', () => console.log('ready'))";
      const other = await startReady(
        engine,
        specOf(fixture(), "", {
          entrypoint: ["node", "-e", server],
          network: "default",
          limits: { ...specOf(fixture(), "").limits, pids: 128 },
        }),
      );
      onTestFinished(async () => {
        other.streams.close();
        await engine.remove(other.id);
      });
      const [neighbour = ""] = Object.values((await engine.inspect(other.id))?.addresses ?? {});
      const bridge = neighbour.replace(/\.\d+$/, ".1");
      const service = await listening(
        createTCPServer((client) => {
          client.on("error", () => undefined);
          client.end("service");
        }),
        { host: "127.0.0.1", port: 0 },
      );
      const port = (service.address() as AddressInfo).port;
      const abstract = `novabot-test-${process.pid}-${port}`;
      await listening(createTCPServer(), `\0${abstract}`);
      const keys: string[] = [];
      const api = await listening(
        createServer((asked, response) => {
          keys.push(String(asked.headers["x-api-key"]));
          asked.resume();
          response.setHeader("content-type", "application/json");
          response.end('{"type":"message","model":"claude-haiku-4-5","usage":{"input_tokens":1,"output_tokens":2}}');
        }) as unknown as Server,
        { host: "127.0.0.1", port: 0 },
      );

      const gateway = await openGateway(() => Promise.resolve(["127.0.0.1"]));
      const door = await openDoor(gateway);
      const rules = [
        ruleOf({ host: "allowed.example", port, private: true }, "test"),
        ruleOf({ host: "inside.example", port }, "test"),
      ];
      const visit = door.admit(plan(`http://127.0.0.1:${(api.address() as AddressInfo).port}`, rules));
      const token = visit.variables["ANTHROPIC_API_KEY"] ?? "";
      const input = {
        socket: `${GATEWAY_TARGET}/gateway.sock`,
        abstract,
        tcp: [neighbour, bridge, "169.254.169.254", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "127.0.0.1"].map(
          (host) => [host, host === "127.0.0.1" ? port : 8443],
        ),
        udp: ["8.8.8.8", "2001:4860:4860::8888", bridge],
        through: [
          `allowed.example:${port}`,
          `inside.example:${port}`,
          `127.0.0.1:${port}`,
          `${neighbour}:8443`,
          "evil.example:443",
          "169.254.169.254:80",
        ],
        tokens: [token, `${token}0`, ""],
        pattern: [CANARY.slice(0, 8), CANARY.slice(8)],
      };
      const probe = async (network: "none" | "default", env: Record<string, string> = {}): Promise<Probed> => {
        const spec = specOf(fixture(), "", {
          entrypoint: ["node", "-e", prober],
          network,
          env,
          mounts: [{ source: door.directory, target: GATEWAY_TARGET, readonly: true }],
          limits: { ...specOf(fixture(), "").limits, pids: 128, memoryBytes: 256 * 2 ** 20, memorySwapBytes: 256 * 2 ** 20 },
        });
        const { stdout, stderr } = await run(engine, spec, JSON.stringify(input));
        if (!stdout) throw new Error(stderr);
        return JSON.parse(stdout) as Probed;
      };

      // The probes find ways where there are some, and the search finds what is there.
      const open = await probe("default", { LEAKED: CANARY });
      expect(open.tcp[neighbour]).toBe("connected");
      expect(["connected", "ECONNREFUSED"]).toContain(open.tcp[bridge]);
      expect(open.udp[bridge]).toMatch(/sent|ECONNREFUSED/);
      expect(open.found).toContain("environ");

      const closed = await probe("none", { ANTHROPIC_API_KEY: token });
      const { "127.0.0.1": loopback, ...outward } = closed.tcp;
      for (const [address, result] of Object.entries(outward))
        expect([address, result]).toEqual([address, expect.stringMatching(/^(ENETUNREACH|EADDRNOTAVAIL|EHOSTUNREACH)$/)]);
      expect(loopback).toBe("ECONNREFUSED");
      for (const [address, result] of Object.entries(closed.udp))
        expect([address, result]).toEqual([
          address,
          expect.stringMatching(/^(ENETUNREACH|EADDRNOTAVAIL|EHOSTUNREACH|ECONNREFUSED)$/),
        ]);
      expect(closed).toMatchObject({
        resolved: expect.stringMatching(/EAI_AGAIN|ENOTFOUND/),
        abstract: "ECONNREFUSED",
        interfaces: ["lo"],
        routes: 0,
        routes6: 0,
        capabilities: "0000000000000000",
        removed: "EROFS",
        written: "EROFS",
        found: [],
      });
      // The kernel lists the sockets of the container's own namespace alone.
      expect(closed.unix).not.toContain(abstract);
      expect(closed.through).toEqual({
        [`allowed.example:${port}`]: "200 service",
        [`inside.example:${port}`]: "403",
        [`127.0.0.1:${port}`]: "403",
        [`${neighbour}:8443`]: "403",
        "evil.example:443": "403",
        "169.254.169.254:80": "403",
      });
      expect(closed.posts.map((post) => post.slice(0, 3))).toEqual(["200", "401", "401"]);
      expect(JSON.stringify(closed)).not.toContain(CANARY);
      expect(keys).toEqual([CANARY, CANARY]);

      const { usage, denied } = visit.end();
      expect(usage).toMatchObject({ requests: 2, inputTokens: 2, outputTokens: 4 });
      expect(denied.map(({ target, count }) => [target, count])).toEqual(
        input.through.filter((target) => !target.startsWith("allowed")).map((target) => [target, 2]),
      );
      const lasting = await startReady(
        engine,
        specOf(fixture(), "echo ready; exec sleep 30", {
          env: { ANTHROPIC_API_KEY: token },
          mounts: [{ source: door.directory, target: GATEWAY_TARGET, readonly: true }],
        }),
      );
      const inspected = await inspectAll(socket);
      lasting.streams.close();
      await engine.remove(lasting.id);
      expect(inspected).toContain(token);
      expect(inspected).not.toContain(CANARY);
    });
  });
}
