import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Agent, request as secureRequest } from "node:https";
import { connect as connectSecurely } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { type OpenDoors, opened, openTestDoors } from "../../../fixtures/open-doors.ts";

/** What a server answers to bytes as they are, until it hangs up. */
async function raw({ url }: OpenDoors, text: string): Promise<string> {
  const socket = dial(url);
  socket.write(text);
  let answer = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString("latin1");
  return answer;
}

function dial(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** For this machine's loopback, by itself. */
function certificate(directory: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...made, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { cert, key };
}

const json = { "content-type": "application/json" };
const cookieOf = (response: Response): string => response.headers.get("set-cookie")?.split(";", 1)[0] ?? "";

describe("the doors on Node", () => {
  test("let in with the local token, which its owner alone can read, and nobody without", async () => {
    const house = await openTestDoors();
    expect(await (await house.get("/api/access/me")).json()).toEqual({ name: "local", role: "admin" });
    for (const file of ["local-token", "tokens.json"])
      expect((await stat(join(house.home.host, "access", file))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(house.home.host, "access/tokens.json"), "utf8")).not.toContain(house.token);
    const refused = await fetch(`${house.url}/api/access/me`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect(await refused.json()).toMatchObject({ code: "ACCESS_DENIED", status: 401 });
  });

  test("tell nobody anything but that they are there", async () => {
    const { url } = await openTestDoors();
    expect(await (await fetch(`${url}/healthz`)).text()).toBe("ok\n");
    for (const path of [
      "/api/status",
      "/api/nothing",
      "/metrics",
      "/api/openapi.json",
      "/health/terminal",
      "/ws/monitoring",
      "/.env",
    ])
      expect((await fetch(`${url}${path}`)).status, path).toBe(401);
  });

  test("show a page that logs in, and with the cookie go on until one logs out", async () => {
    const house = await openTestDoors();
    const page = await fetch(`${house.url}/`);
    expect(page.headers.get("content-security-policy")).toMatch(/script-src 'nonce-[\w-]{43}'.*frame-ancestors 'none'/);
    expect(await page.text()).toContain('<input id="token"');
    const wrong = await fetch(`${house.url}/api/session`, { method: "POST", body: '{"token":"wrong"}', headers: json });
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get("set-cookie")).toBeNull();
    const login = await fetch(`${house.url}/api/session`, {
      method: "POST",
      body: JSON.stringify({ token: house.token }),
      headers: { ...json, origin: house.url },
    });
    expect(await login.json()).toEqual({ name: "local", role: "admin" });
    const cookie = cookieOf(login);
    expect((await fetch(`${house.url}/api/status`, { headers: { cookie } })).status).toBe(200);
    expect(await (await fetch(`${house.url}/`, { headers: { cookie } })).text()).toContain("Log out");
    const add = { method: "POST", body: '{"name":"one","role":"viewer"}' };
    expect((await fetch(`${house.url}/api/tokens`, { ...add, headers: { ...json, cookie } })).status).toBe(403);
    const elsewhere = { ...json, cookie, origin: "http://127.0.0.1:1" };
    expect((await fetch(`${house.url}/api/tokens`, { ...add, headers: elsewhere })).status).toBe(403);
    expect((await fetch(`${house.url}/api/tokens`, { ...add, headers: { ...json, cookie, origin: house.url } })).status).toBe(
      200,
    );
    const logout = await fetch(`${house.url}/api/session`, { method: "DELETE", headers: { cookie, origin: house.url } });
    expect(logout.status).toBe(204);
    expect((await fetch(`${house.url}/api/status`, { headers: { cookie } })).status).toBe(401);
  });

  test("have the headers of safety on every answer", async () => {
    const house = await openTestDoors();
    for (const answer of [await house.get("/api/status"), await fetch(`${house.url}/api/status`), await house.get("/nothing")]) {
      expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    }
  });

  test("are not asked under another name, nor by another's page, whatever the door", async () => {
    const house = await openTestDoors({ hosts: ["nova.example"] });
    const head = (host: string, path: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${house.token}\r\nConnection: close\r\n\r\n`;
    for (const path of ["/", "/healthz", "/api/status"]) {
      expect(await raw(house, head("nova.example", path))).toMatch(/^HTTP\/1.1 200 /);
      expect(await raw(house, head("rebound.example", path))).toMatch(/^HTTP\/1.1 403 /);
    }
    for (const headers of [{ host: "rebound.example" }, { origin: "http://rebound.example" }]) {
      const socket = house.socket("/ws/monitoring", [], { headers: { authorization: `Bearer ${house.token}`, ...headers } });
      await expect(opened(socket)).rejects.toMatchObject({ status: 403, code: "ACCESS_FORBIDDEN" });
    }
  });

  test.each([
    ["two Hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n"],
    ["no Host", "GET /healthz HTTP/1.1\r\n"],
    ["the address of another", "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n"],
    ["two lengths", "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"],
    ["a length that is none", "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n"],
    ["no HTTP", "\x16\x03\x01\x00\x00"],
  ])("answer 400 to %s", async (_what, head) => {
    const house = await openTestDoors();
    expect(await raw(house, `${head}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  });

  test("answer who offers another protocol in this one", async () => {
    const house = await openTestDoors();
    const head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n";
    expect(await raw(house, head)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("take no body that is too large or does not say how large it is", async () => {
    const house = await openTestDoors();
    const large = await house.get("/api/tokens", { method: "POST", body: "x".repeat(1_048_577), headers: json });
    expect([large.status, await large.json()]).toEqual([413, expect.objectContaining({ code: "REQUEST_TOO_LARGE" })]);
    const login = await fetch(`${house.url}/api/session`, { method: "POST", body: "x".repeat(8193), headers: json });
    expect(login.status).toBe(413);
    const chunked =
      "POST /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    expect(await raw(house, chunked)).toMatch(/^HTTP\/1.1 400 /);
  });

  test("let who fails too often wait, and say how long", async () => {
    const house = await openTestDoors();
    const wrong = async (): Promise<Response> =>
      await fetch(`${house.url}/api/status`, { headers: { authorization: "Bearer wrong" } });
    for (let attempt = 0; attempt < 5; attempt += 1) expect((await wrong()).status).toBe(401);
    const limited = await wrong();
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(JSON.stringify(house.logged)).not.toContain("wrong");
  });

  test("open /ws/monitoring with a token or with the cookie and this house's Origin, and say farewell at the end", async () => {
    const house = await openTestDoors();
    const login = await fetch(`${house.url}/api/session`, {
      method: "POST",
      body: JSON.stringify({ token: house.token }),
      headers: json,
    });
    const cookie = cookieOf(login);
    await expect(opened(house.socket("/ws/monitoring", [], { headers: {} }))).rejects.toMatchObject({ status: 401 });
    await expect(opened(house.socket("/ws/monitoring", [], { headers: { cookie } }))).rejects.toMatchObject({ status: 403 });
    const byCookie = house.socket("/ws/monitoring", [], { headers: { cookie, origin: house.url } });
    await opened(byCookie);
    const socket = house.socket("/ws/monitoring");
    const hello = once(socket, "message");
    await opened(socket);
    expect(JSON.parse(String((await hello)[0]))).toMatchObject({ type: "hello", role: "admin" });
    await expect(opened(house.socket("/ws/nothing"))).rejects.toMatchObject({ status: 404 });
    const bye = once(socket, "message");
    const closed = once(socket, "close");
    await house.doors.close();
    expect(JSON.parse(String((await bye)[0]))).toMatchObject({ type: "bye", reason: "stopping" });
    await closed;
  });

  test("end what a session opened when it logs out, and nothing of others", async () => {
    const house = await openTestDoors();
    const login = async (): Promise<string> => {
      const body = JSON.stringify({ token: house.token });
      return cookieOf(await fetch(`${house.url}/api/session`, { method: "POST", body, headers: json }));
    };
    const [cookie, other] = [await login(), await login()];
    const sockets = [cookie, other].map((one) =>
      house.socket("/ws/monitoring", [], { headers: { cookie: one, origin: house.url } }),
    );
    const [socket, others] = sockets;
    if (!socket || !others) throw new Error("there are two");
    const heard: string[] = [];
    socket.on("message", (data: Buffer) => void heard.push((JSON.parse(data.toString()) as { type: string }).type));
    await Promise.all(sockets.map(opened));
    const followed = await fetch(`${house.url}/api/monitoring/logs?follow=true`, {
      headers: { cookie, accept: "application/x-ndjson" },
    });
    expect(followed.status).toBe(200);
    const closed = once(socket, "close");
    await fetch(`${house.url}/api/session`, { method: "DELETE", headers: { cookie, origin: house.url } });
    await closed;
    expect(heard).toEqual(["hello", "bye"]);
    await followed.text();
    const pong = once(others, "pong");
    others.ping();
    await pong;
  });

  test("take a message of a socket up to its limit", async () => {
    const house = await openTestDoors();
    const socket = house.socket("/ws/monitoring");
    await opened(socket);
    socket.send("x".repeat(1_048_577));
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(1009);
  });

  test("keep out nobody who has a token when many come without", async () => {
    const house = await openTestDoors();
    const strangers = Array.from({ length: 300 }, () => dial(house.url));
    await Promise.all(strangers.map((socket) => once(socket, "connect")));
    for (const socket of strangers) socket.on("error", () => undefined).write("GET / HTTP/1.1\r\n");
    expect((await house.get("/api/status")).status).toBe(200);
    expect(strangers.filter((socket) => socket.destroyed || socket.readableEnded || socket.closed).length).toBeGreaterThan(0);
  });

  test("answer what names no host or path as a mistake of whoever asks, and fill no log with it", async () => {
    const house = await openTestDoors();
    const socketHead =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (const [path, host] of [
      ["/", "a b"],
      ["/", "exa<mple"],
      ["/", ""],
      ["/", "localhost:99999"],
      ["/", "a@localhost"],
      ["/", "[::1"],
      ["/\\evil:99999/", "localhost"],
      ["http://localhost/", "localhost"],
    ] as const) {
      const answer = await raw(house, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(answer, `${path} of ${host}`).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toMatch(/x-content-type-options: nosniff/i);
    }
    for (const path of ["/\\evil:99999/", "//evil:99999/"])
      expect(await raw(house, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${socketHead}\r\n`)).toMatch(/^HTTP\/1.1 401 /);
    expect(house.logged).toEqual([]);
  });

  test("keep out nobody when one token holds all the connections that it may", async () => {
    const house = await openTestDoors();
    const { token } = (await (
      await house.get("/api/tokens", { method: "POST", headers: json, body: '{"name":"grafana","role":"viewer"}' })
    ).json()) as { token: string };
    const ask = `GET /api/access/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const follow = ask.replace("/api/access/me", "/api/monitoring/entries?follow=true");
    const statuses: string[] = [];
    // One after the other, so that each is let in before it is the oldest stranger. The one that waits for another request comes last of those
    // that are let in: it is hung up on after a while.
    for (let count = 0; count < 513; count += 1) {
      const socket = dial(house.url);
      socket.on("error", () => undefined).write(count === 511 ? ask : follow);
      const [head] = (await once(socket, "data")) as [Buffer];
      statuses.push(head.toString("latin1").slice(9, 12));
    }
    expect(statuses.slice(0, 512).every((status) => status === "200")).toBe(true);
    expect(statuses[512]).toBe("429");
    const socket = house.socket("/ws/monitoring", [], { headers: { authorization: `Bearer ${token}` } });
    await expect(opened(socket)).rejects.toMatchObject({ status: 429, code: "ACCESS_LIMITED" });
    expect((await house.get("/api/status")).status).toBe(200);
  });

  test("keep out nobody when many come who begin no TLS", async () => {
    const house = await openTestDoors({ tls: certificate(await temporaryDirectory()) });
    const { port } = new URL(house.url);
    const silent = Array.from({ length: 2100 }, () => dial(house.url));
    await Promise.all(
      silent.map((socket) =>
        once(
          socket.on("error", () => undefined),
          "connect",
        ),
      ),
    );
    const secure = connectSecurely({ port: Number(port), host: "127.0.0.1", rejectUnauthorized: false });
    onTestFinished(() => void secure.destroy());
    secure.write(`GET /api/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${house.token}\r\n\r\n`);
    const [head] = (await once(secure, "data")) as [Buffer];
    expect(head.toString("latin1")).toMatch(/^HTTP\/1.1 200 /);
  });

  test("speak TLS with the owner's certificate, and mark the cookie so", async () => {
    const { cert, key } = certificate(await temporaryDirectory());
    const house = await openTestDoors({ tls: { cert, key } });
    expect(house.url).toMatch(/^https:/);
    const agent = new Agent({ ca: await readFile(cert) });
    onTestFinished(() => agent.destroy());
    const body = JSON.stringify({ token: house.token });
    const sent = secureRequest(`${house.url}/api/session`, {
      agent,
      method: "POST",
      headers: { ...json, "content-length": body.length, origin: house.url },
    });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["set-cookie"]?.[0]).toMatch(/^__Host-novabot_session_.*; Secure$/);
    expect(answer.headers["strict-transport-security"]).toMatch(/^max-age=/);
    const socket = house.socket("/ws/monitoring", [], {
      ca: await readFile(cert),
      headers: { authorization: `Bearer ${house.token}`, origin: house.url },
    });
    await opened(socket);
  });

  test("do not open beyond this machine without TLS or a word, nor with files that are none, nor where something is", async () => {
    await expect(openTestDoors({ host: "0.0.0.0" })).rejects.toMatchObject({ code: "LISTEN_REFUSED", place: "listen" });
    const tls = { cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" };
    await expect(openTestDoors({ tls })).rejects.toMatchObject({ code: "LISTEN_REFUSED", place: "tls" });
    const house = await openTestDoors({ host: "0.0.0.0", insecure: true });
    expect(house.url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect((await house.get("/api/status")).status).toBe(200);
    const port = Number(new URL(house.url).port);
    await expect(openTestDoors({ port })).rejects.toMatchObject({ code: "LISTEN_REFUSED", place: "listen" });
  });
});
