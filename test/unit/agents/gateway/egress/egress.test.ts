import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { connect as connectTLS } from "node:tls";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { Door, Traffic } from "../../../../../src/agents/gateway/door.ts";
import { parseRule, ruleOf } from "../../../../../src/agents/gateway/egress/rules.ts";
import { exchange, tunnel } from "../../../../fixtures/gateway.ts";
import { temporaryDirectory } from "../../../../fixtures/home.ts";

const publicOnes = ["11.22.33.44", "2a00:1450::7"];
const metadata = "169.254.169.254";
const nearOnes = ["10.1.2.3", "192.168.7.7", "172.17.0.1", "100.64.1.1", "fd00::7"];
const specialOnes = [
  metadata,
  "198.18.0.7",
  "203.0.113.7",
  "fe80::77",
  "64:ff9b::a01:203",
  "2002:a01:203::7",
  "2001:0:a01:203::7",
  "2001:db8::7",
];
const own = ["12.34.56.78", "10.9.9.1", "2a00:1450::1"];

interface Host {
  readonly door: Door;
  ask<T>(command: object): Promise<T>;
}

const rules = [
  ...[
    "allowed.example",
    "*.below.example",
    "allowed.example:80",
    "rebound.example",
    "mixed.example",
    "gone.example",
    "inside.example",
    "moved.example",
    "closed.example:444",
  ].map((rule) => parseRule(rule, "test")),
  ...[...publicOnes, ...nearOnes, ...specialOnes, ...own, "127.0.0.1", "::1"].map((host) => ruleOf({ host }, "test")),
  ruleOf({ host: "nas.example", port: 5000, private: true }, "test"),
  ruleOf({ host: "cloud.example", private: true }, "test"),
  ruleOf({ host: "127.0.0.1", port: 443, private: true }, "test"),
];

const names = {
  "allowed.example": [publicOnes],
  "a.below.example": [["11.22.33.44"]],
  // Another answer each time: the public one is what was checked, and what must be connected to.
  "rebound.example": [["11.22.33.44"], ["10.1.2.3"], ["127.0.0.1"]],
  "mixed.example": [["10.1.2.3", metadata, "11.22.33.44"]],
  "inside.example": [["10.1.2.3", "fd00::7"]],
  "moved.example": [["127.0.0.1", "12.34.56.78"]],
  "nas.example": [["192.168.7.7"]],
  "cloud.example": [[metadata]],
  "closed.example": [["11.22.33.44"]],
  "secret-data.evil.example": [["11.22.33.44"]],
};

/** A host in network namespaces of its own, whose gateway is reached by its socket alone. */
async function startHost(): Promise<Host> {
  const settings = {
    home: join(await temporaryDirectory(), "home"),
    rules,
    names,
    peer: [...publicOnes, ...nearOnes, ...specialOnes],
    own,
  };
  const script = fileURLToPath(new URL("../../../../fixtures/namespace/host.ts", import.meta.url));
  const child = spawn("unshare", ["--net", process.execPath, script, JSON.stringify(settings)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.stdin.end();
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async <T>(): Promise<T> => JSON.parse(String((await lines.next()).value)) as T;
  const directory = await read<string>();
  return {
    // What the test asks of it is in its own process.
    door: { directory } as Door,
    async ask(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return await read();
    },
  };
}

const bracketed = (address: string): string => (address.includes(":") ? `[${address}]` : address);

test("an egress container reaches what is allowed at public addresses, and nothing else", async () => {
  const { door, ask } = await startHost();
  let tries = 0;

  // All of it is there: without the gateway's word it would be reached.
  for (const address of [
    ...publicOnes,
    ...nearOnes,
    ...specialOnes.filter((other) => other !== "fe80::77"),
    ...own,
    "127.0.0.1",
    "::1",
  ])
    expect([address, await ask({ reach: [address, 443] })]).toEqual([address, true]);
  expect(await ask({ reach: ["fe80::77%wire", 443] })).toBe(true);

  for (const [target, says] of [
    ["allowed.example:443", /peer (::ffff:11\.22\.33\.44|2a00:1450::7)/],
    ["ALLOWED.example.:443", /peer/],
    ["a.below.example:443", /peer ::ffff:11\.22\.33\.44/],
    ["11.22.33.44:443", /peer ::ffff:11\.22\.33\.44/],
    ["0x0b.026.33.44:443", /peer ::ffff:11\.22\.33\.44/],
    ["[2a00:1450:0::7]:443", /peer 2a00:1450::7/],
    ["rebound.example:443", /peer ::ffff:11\.22\.33\.44/],
    ["mixed.example:443", /peer ::ffff:11\.22\.33\.44/],
    ["nas.example:5000", /service/],
    ["127.0.0.1:443", /the host itself/],
  ] as const) {
    const opened = await tunnel(door, target);
    expect([target, opened.status]).toEqual([target, 200]);
    opened.socket.end();
    expect([target, await text(opened.socket)]).toEqual([target, expect.stringMatching(says)]);
  }

  const refused = [
    ...nearOnes.map((address) => `${bracketed(address)}:443`),
    ...specialOnes.map((address) => `${bracketed(address)}:443`),
    ...own.map((address) => `${bracketed(address)}:443`),
    "[::1]:443",
    "rebound.example:443",
    "inside.example:443",
    "moved.example:443",
    "cloud.example:443",
    "[::ffff:10.1.2.3]:443",
    "[::ffff:a01:203]:443",
    "[::10.1.2.3]:443",
    "167838211:443",
    "0xa010203:443",
    "012.1.2.3:443",
    "2852039166:443",
    "[fe80::77%25wire]:443",
    "10.1.2.3:22",
    "allowed.example:22",
    "below.example:443",
    "xbelow.example:443",
    "allowed.example.evil.example:443",
    "secret-data.evil.example:443",
    "evil.example:443",
    "localhost:443",
    "allowed.example",
    "allowed.example:443:443",
    "user@allowed.example:443",
  ];
  for (const target of refused) {
    const { status, text: answer, socket } = await tunnel(door, target);
    socket.destroy();
    // Node answers what is no request at all by hanging up.
    expect([target, status]).toEqual([target, 403]);
    expect(answer).toContain("egress-allowlist.json");
    tries += 1;
  }
  const gone = await tunnel(door, "gone.example:443");
  expect([gone.status, gone.text]).toEqual([502, expect.stringContaining("ENOTFOUND")]);
  expect((await tunnel(door, "closed.example:444")).status).toBe(502);

  // Names that no rule allows are not asked for: the question itself could carry something out.
  const asked = await ask<string[]>({ asked: true });
  expect(asked.filter((name) => name.includes("evil") || !name.endsWith(".example"))).toEqual([]);

  // A plain request, whose Host is what was checked.
  const plain = await exchange(door, {
    method: "GET",
    path: "http://allowed.example/a?b=c",
    headers: { host: "intern.example", "proxy-authorization": "x" },
  });
  expect([plain.status, JSON.parse(plain.body)]).toEqual([
    200,
    expect.objectContaining({ host: "allowed.example", url: "/a?b=c" }),
  ]);
  expect(plain.body).not.toContain("proxy-authorization");
  const fooled = await exchange(door, { method: "GET", path: "http://user:pw@allowed.example/", headers: {} });
  expect(fooled.status).toBe(403);
  tries += 1;
  for (const path of [
    `http://${metadata}/latest/meta-data`,
    "http://10.1.2.3/",
    "http://allowed.example:8080/",
    "https://allowed.example/",
    "http://evil.example/",
    "ftp://allowed.example/",
  ]) {
    expect([path, (await exchange(door, { method: "GET", path })).status]).toEqual([path, 403]);
    tries += 1;
  }

  // TLS for a name that was not asked for goes no further than the gateway; TLS for the right one, and what is none, does.
  for (const [servername, passes] of [
    ["allowed.example", true],
    ["ALLOWED.example", true],
    ["other.example", false],
    ["", false],
  ] as const) {
    const { socket } = await tunnel(door, "allowed.example:443");
    const client = connectTLS({ socket, servername });
    const failure = await new Promise<Error>((resolve) => client.once("error", resolve));
    // The far end speaks no TLS, and says so in its own words.
    expect([servername, failure.message]).toEqual([
      servername,
      expect.stringMatching(passes ? /wrong version|packet length/i : /disconnected|ECONNRESET/),
    ]);
    if (!passes) tries += 1;
  }

  const idle = await tunnel(door, "allowed.example:443");
  idle.socket.write("hello");
  await once(idle.socket.resume(), "data");
  const closed = once(idle.socket, "close");
  const traffic = await ask<Traffic>({ end: true });
  await closed;
  expect(traffic.usage).toBeNull();
  expect(traffic.denied.length).toBeLessThanOrEqual(51);
  expect(traffic.denied).toContainEqual({ target: "secret-data.evil.example:443", reason: "no rule allows it", count: 1 });
  expect(traffic.denied).toContainEqual({
    target: "inside.example:443",
    reason: expect.stringContaining("10.1.2.3 is not public (private)"),
    count: 1,
  });
  expect(traffic.denied.reduce((sum, { count }) => sum + count, 0)).toBe(tries);
  expect((await tunnel(door, "allowed.example:443")).status).not.toBe(200);
});

test("what is denied is told in bounded form", async () => {
  const { door, ask } = await startHost();
  for (let at = 0; at < 70; at += 1) (await tunnel(door, `a${at}.evil.example:443`)).socket.destroy();
  for (let at = 0; at < 3; at += 1) (await tunnel(door, "a0.evil.example:443")).socket.destroy();
  (await tunnel(door, `${"long.".repeat(45)}evil.example:443`)).socket.destroy();
  const { denied } = await ask<Traffic>({ end: true });
  expect(denied).toHaveLength(51);
  expect(denied[0]).toEqual({ target: "a0.evil.example:443", reason: "no rule allows it", count: 4 });
  expect(denied.at(-1)).toMatchObject({ target: "others", count: 21 });
  for (const { target } of denied) expect(target.length).toBeLessThanOrEqual(121);
});
