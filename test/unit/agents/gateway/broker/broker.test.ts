import { once } from "node:events";
import { Agent, createServer, request as ask, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTCPServer, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { CANARY, exchange, openDoor, openGateway, plan, send } from "../../../../fixtures/gateway.ts";
import { startMessagesAPI } from "../../../../fixtures/messages-api/server.ts";

const body = JSON.stringify({ model: "claude-sonnet-4-5", messages: [{ role: "user", content: "hello" }] });
const messages = { path: "/v1/messages?beta=true", body };
const json = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };

async function upstream(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("the key takes the token's place, and what the API counted is told at the end", async () => {
  const api = await startMessagesAPI("127.0.0.1", () => ({ text: "hi" }));
  onTestFinished(async () => await api.close());
  const door = await openDoor(await openGateway());
  const visit = door.admit(plan(`http://127.0.0.1:${api.port}`));
  const token = visit.variables["ANTHROPIC_API_KEY"] ?? "";
  expect(token).toMatch(/^sk-ant-api03-novabot-[0-9a-f]{64}$/);
  for (const headers of [{ "x-api-key": token }, { authorization: `Bearer ${token}` }]) {
    const { status, body: answer, all } = await exchange(door, { ...messages, headers: { ...json, ...headers } });
    expect(status).toBe(200);
    expect(answer).toContain("message_stop");
    expect(all).not.toContain(CANARY);
  }
  expect((await exchange(door, { path: "/", method: "HEAD" })).status).toBe(200);
  expect((await exchange(door, { path: "/v1/messages/count_tokens", headers: { ...json, "x-api-key": token }, body })).body).toBe(
    '{"input_tokens":1}',
  );
  expect(api.keys).toEqual([CANARY, CANARY]);
  expect(api.requests[0]).toEqual(JSON.parse(body));
  expect(visit.end()).toEqual({
    usage: {
      requests: 2,
      inputTokens: 20,
      outputTokens: 10,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      costUSD: expect.closeTo((20 * 3 + 10 * 15) / 1e6, 10),
      models: ["claude-sonnet-4-5"],
    },
    denied: [],
  });
});

test("a token of Claude Code goes as the API wants it", async () => {
  const seen: IncomingMessage["headers"][] = [];
  const api = await upstream((request, response) => {
    seen.push(request.headers);
    request.resume();
    response.end("{}");
  });
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(api, null, "CLAUDE_CODE_OAUTH_TOKEN"));
  const authorization = `Bearer ${variables["CLAUDE_CODE_OAUTH_TOKEN"]}`;
  await exchange(door, { ...messages, headers: { ...json, authorization, "anthropic-beta": "a-1, b-2" } });
  await exchange(door, { ...messages, headers: { ...json, authorization, "anthropic-beta": "oauth-2025-04-20" } });
  expect(seen[0]).toMatchObject({ authorization: `Bearer ${CANARY}`, "anthropic-beta": "a-1,b-2,oauth-2025-04-20" });
  expect(seen[1]).toMatchObject({ "anthropic-beta": "oauth-2025-04-20", host: new URL(api).host, "accept-encoding": "identity" });
  expect(seen[0]).not.toHaveProperty("x-api-key");
});

test("only the requests that a run needs are passed, only with this run's token, only while it runs", async () => {
  let calls = 0;
  const api = await upstream((request, response) => {
    calls += 1;
    request.resume();
    response.end("{}");
  });
  const gateway = await openGateway();
  const [door, other] = [await openDoor(gateway), await openDoor(gateway, "work")];
  const before = await exchange(door, { ...messages, headers: json });
  expect([before.status, JSON.parse(before.body)]).toEqual([
    403,
    { type: "error", error: expect.objectContaining({ type: "permission_error" }) },
  ]);
  const visit = door.admit(plan(api));
  const token = visit.variables["ANTHROPIC_API_KEY"] ?? "";
  const others = other.admit(plan(api)).variables["ANTHROPIC_API_KEY"] ?? "";
  const cases: readonly (readonly [string, string, Record<string, string>, number])[] = [
    ["POST", "/v1/messages", { "x-api-key": others }, 401],
    ["POST", "/v1/messages", { "x-api-key": CANARY }, 401],
    ["POST", "/v1/messages", { "x-api-key": `${token}0` }, 401],
    ["POST", "/v1/messages", { authorization: `Basic ${token}` }, 401],
    ["POST", "/v1/messages", {}, 401],
    ["GET", "/v1/models", {}, 401],
    ...[
      "/v1/messages/batches",
      "/v1/files",
      "/v1/organizations/me",
      "/v1/messages/",
      "/v1/models/../files",
      "/v1/models/%2e%2e/files",
      "/v1//messages",
      "//evil.example/v1/messages",
      "/api/oauth/profile",
    ].map((path) => ["POST", path, { "x-api-key": token }, 403] as const),
    ["DELETE", "/v1/messages", { "x-api-key": token }, 403],
    ["GET", "/v1/messages", { "x-api-key": token }, 403],
  ];
  for (const [method, path, headers, status] of cases) {
    const sent = method === "POST" ? { ...json, ...headers } : headers;
    const answer = await exchange(door, { method, path, headers: sent, ...(method === "POST" ? { body } : {}) });
    expect([method, path, answer.status]).toEqual([method, path, status]);
    expect(answer.all).not.toContain(CANARY);
  }
  expect(calls).toBe(0);
  for (const path of ["/v1/models?limit=5", "/v1/models/claude-opus-4-1"])
    expect((await exchange(door, { method: "GET", path, headers: { "x-api-key": token } })).status).toBe(200);
  visit.end();
  expect((await exchange(door, { ...messages, headers: { ...json, "x-api-key": token } })).status).toBe(403);
  door.admit(plan(api));
  expect((await exchange(door, { ...messages, headers: { ...json, "x-api-key": token } })).status).toBe(401);
  expect(calls).toBe(2);
});

test("each part of an answer passes before the next is sent", async () => {
  let next: (() => void) | undefined;
  const api = await upstream((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("event: one\ndata: 1\n\n");
    next = () => response.end("event: two\ndata: 2\n\n");
  });
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(api));
  const answer = await send(door, { ...messages, headers: { ...json, "x-api-key": variables["ANTHROPIC_API_KEY"] ?? "" } });
  const parts = answer.iterator({ destroyOnReturn: false });
  expect(String((await parts.next()).value)).toBe("event: one\ndata: 1\n\n");
  next?.();
  expect(String((await parts.next()).value)).toBe("event: two\ndata: 2\n\n");
  expect((await parts.next()).done).toBe(true);
});

test("each part of a request passes before the next is sent, and nothing is held back", async () => {
  const arrived: string[] = [];
  let onPart: (() => void) | undefined;
  const api = await upstream((request, response) => {
    request.on("data", (chunk: Buffer) => {
      arrived.push(String(chunk));
      onPart?.();
    });
    request.on("end", () => response.end("{}"));
  });
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(api));
  const asked = ask({
    socketPath: `${door.directory}/gateway.sock`,
    method: "POST",
    path: "/v1/messages",
    headers: { "x-api-key": variables["ANTHROPIC_API_KEY"] ?? "" },
  });
  for (const part of ["one", "two", "three"]) {
    const seen = new Promise<void>((resolve) => (onPart = resolve));
    asked.write(part);
    await seen;
  }
  asked.end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  expect(await text(answer)).toBe("{}");
  expect(arrived).toEqual(["one", "two", "three"]);
});

test("errors of the API pass unchanged", async () => {
  const error = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}';
  const api = await upstream((request, response) => {
    request.resume();
    response.writeHead(529, {
      "Content-Type": "application/json",
      "Retry-After": "7",
      "request-id": "req_1",
      "X-Should-Retry": "true",
      Connection: "x-own",
      "x-own": "1",
    });
    response.end(error);
  });
  const door = await openDoor(await openGateway());
  const visit = door.admit(plan(api));
  const answer = await send(door, { ...messages, headers: { ...json, "x-api-key": visit.variables["ANTHROPIC_API_KEY"] ?? "" } });
  expect(answer.statusCode).toBe(529);
  expect(answer.headers).toMatchObject({ "retry-after": "7", "request-id": "req_1", "x-should-retry": "true" });
  expect(answer.rawHeaders).toContain("Retry-After");
  expect(answer.headers).not.toHaveProperty("x-own");
  expect(await text(answer)).toBe(error);
  expect(visit.end().usage).toMatchObject({ requests: 0, costUSD: 0 });
});

test("an answer that comes before the request is whole passes too, and the connection serves on", async () => {
  let calls = 0;
  const api = await upstream((request, response) => {
    calls += 1;
    if (calls > 1) request.resume().on("end", () => response.end("{}"));
    // Of the first nothing is read.
    else response.writeHead(401, { "content-type": "application/json" }).end('{"early":true}');
  });
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(api));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const long = Buffer.alloc(8 * 2 ** 20, "x");
  for (const [key, status, answer] of [
    [variables["ANTHROPIC_API_KEY"], 401, '{"early":true}'],
    ["wrong", 401, expect.stringContaining("not this run's")],
    [variables["ANTHROPIC_API_KEY"], 200, "{}"],
  ] as const) {
    const asked = ask({
      socketPath: `${door.directory}/gateway.sock`,
      method: "POST",
      path: "/v1/messages",
      headers: { "x-api-key": key ?? "", "content-length": long.length },
      agent,
    });
    asked.end(long);
    const [head] = (await once(asked, "response")) as [IncomingMessage];
    expect([head.statusCode, await text(head)]).toEqual([status, answer]);
  }
});

test("a request that is too long is refused, told so at once or on the way", async () => {
  const api = await upstream((request, response) => {
    request.on("end", () => response.end("{}"));
    request.resume();
  });
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(api));
  const headers = { "x-api-key": variables["ANTHROPIC_API_KEY"] ?? "" };
  const part = Buffer.alloc(2 ** 20, "x");
  for (const length of [{ "content-length": 65 * 2 ** 20 }, {}]) {
    const asked = ask({
      socketPath: `${door.directory}/gateway.sock`,
      method: "POST",
      path: "/v1/messages",
      headers: { ...headers, ...length },
    });
    asked.on("error", () => undefined);
    const answered = once(asked, "response") as Promise<[IncomingMessage]>;
    for (let at = 0; at < 65; at += 1) asked.write(part);
    asked.end();
    const [head] = await answered;
    expect([head.statusCode, JSON.parse(await text(head)).error.type]).toEqual([413, "request_too_large"]);
  }
});

test("an answer that cannot be passed on breaks the client's connection, and nothing else", async () => {
  const server = createTCPServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end("HTTP/1.1 042 Odd\r\ncontent-length: 2\r\n\r\n{}"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  const headers = { ...json, "x-api-key": variables["ANTHROPIC_API_KEY"] ?? "" };
  for (let at = 0; at < 2; at += 1) {
    const answer = await exchange(door, { ...messages, headers }).catch((error: Error) => error);
    expect(answer instanceof Error || answer.status === 502).toBe(true);
  }
});

test("a compressed answer passes as it is, and its cost is unknown", async () => {
  const packed = gzipSync("{}");
  const api = await upstream((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
    response.end(packed);
  });
  const door = await openDoor(await openGateway());
  const visit = door.admit(plan(api));
  const answer = await send(door, { ...messages, headers: { ...json, "x-api-key": visit.variables["ANTHROPIC_API_KEY"] ?? "" } });
  expect(Buffer.concat(await answer.toArray())).toEqual(packed);
  expect(visit.end().usage).toMatchObject({ requests: 1, costUSD: null });
});

test("an API that cannot be reached is named in the API's own form of an error", async () => {
  const api = await upstream(() => undefined);
  const closed = "http://127.0.0.1:1";
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(`${closed}/base`));
  const {
    status,
    body: answer,
    all,
  } = await exchange(door, { ...messages, headers: { ...json, "x-api-key": variables["ANTHROPIC_API_KEY"] ?? "" } });
  expect(status).toBe(502);
  expect(JSON.parse(answer)).toEqual({ type: "error", error: { type: "api_error", message: expect.stringContaining(closed) } });
  expect(all).not.toContain(CANARY);
  expect(api).toBeDefined();
});

test("whoever hangs up ends the other side: the client's end aborts the API's request, the API's loss breaks the client's answer", async () => {
  let onClosed: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  let isBreaking = false;
  const api = await upstream((request, response) => {
    request.resume();
    response.on("close", () => onClosed?.());
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n", () => isBreaking && response.destroy());
  });
  const door = await openDoor(await openGateway());
  const { variables } = door.admit(plan(api));
  const headers = { ...json, "x-api-key": variables["ANTHROPIC_API_KEY"] ?? "" };
  const answer = await send(door, { ...messages, headers });
  answer.destroy();
  await closed;
  isBreaking = true;
  await expect(text(await send(door, { ...messages, headers }))).rejects.toThrow("aborted");
});

test("the end of a run cuts what still flows, and counts it", async () => {
  const api = await upstream((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"type":"message_start","message":{"model":"claude-haiku-4-5","usage":{"input_tokens":9}}}\n\n');
  });
  const door = await openDoor(await openGateway());
  const visit = door.admit(plan(api));
  const answer = await send(door, { ...messages, headers: { ...json, "x-api-key": visit.variables["ANTHROPIC_API_KEY"] ?? "" } });
  const parts = answer.iterator();
  await parts.next();
  expect(visit.end().usage).toMatchObject({ requests: 1, inputTokens: 9, models: ["claude-haiku-4-5"] });
  await expect(parts.next()).rejects.toThrow("aborted");
});
