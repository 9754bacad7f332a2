import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { type DoorParts, openHTTPDoor } from "../../../../src/supervisor/doors/http-door.ts";
import { NovaError } from "../../../../src/model/errors.ts";

const TOKEN = "a-token-of-the-test-1";
const settings = {
  address: "127.0.0.1",
  port: 0,
  token: TOKEN,
  hosts: ["worker.example"],
  origins: ["https://page.example"],
};
const bearer = `Authorization: Bearer ${TOKEN}`;

async function door(parts: Partial<DoorParts> = {}): Promise<number> {
  const opened = await openHTTPDoor(
    settings,
    Promise.resolve({
      monitor: (socket) => socket.send("monitor"),
      terminal: (socket, request) => socket.send(`terminal ${request.url} ${socket.protocol}`),
      health: {
        terminal: async () => {
          throw new NovaError("TERMINAL_FAILED", "the shell is gone");
        },
        websocket: async () => {},
      },
      ...parts,
    }),
  );
  onTestFinished(() => opened.close());
  return opened.port;
}

/** What a peer answers to these bytes before it hangs up. */
async function say(port: number, text: string | Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(text);
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
  await once(socket, "close");
  return answer;
}

const ask = (port: number, lines: readonly string[], first = "GET /health/websocket HTTP/1.1"): Promise<string> =>
  say(port, `${[first, ...lines].join("\r\n")}\r\n\r\n`);
const statusOf = (answer: string): number => Number(answer.split(" ")[1]);
const upgrade = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${btoa("0123456789abcdef")}`,
];

describe("the HTTP door", () => {
  it("answers health with its reason", async () => {
    const port = await door();
    const healthy = await ask(port, ["Host: localhost", bearer]);
    expect(statusOf(healthy)).toBe(200);
    expect(healthy).toContain('{"status":"healthy","check":"websocket"');
    const unhealthy = await ask(port, ["Host: localhost", bearer], "GET /health/terminal HTTP/1.1");
    expect(statusOf(unhealthy)).toBe(503);
    expect(unhealthy).toContain('{"status":"unhealthy","check":"terminal","reason":"the shell is gone"}');
    expect(statusOf(await ask(port, ["Host: localhost", bearer], "GET / HTTP/1.1"))).toBe(404);
    expect(statusOf(await ask(port, ["Host: localhost", bearer], "GET /ws HTTP/1.1"))).toBe(404);
    expect(statusOf(await ask(port, ["Host: localhost", bearer, "Content-Length: 0"], "POST /health/terminal HTTP/1.1"))).toBe(
      405,
    );
  });

  it.each<[string, number, string[]]>([
    ["no token", 401, ["Host: 127.0.0.1"]],
    ["another token", 401, ["Host: 127.0.0.1", "Authorization: Bearer a-token-of-the-test-2"]],
    ["a token and more", 401, ["Host: 127.0.0.1", `${bearer}1`]],
    ["the token in Basic", 401, ["Host: 127.0.0.1", `Authorization: Basic ${TOKEN}`]],
    ["two tokens", 401, ["Host: 127.0.0.1", bearer, bearer]],
    ["a token in the query", 401, ["Host: 127.0.0.1", `X-Token: ${TOKEN}`]],
    ["no Host", 400, [bearer]],
    ["two Hosts", 400, ["Host: localhost", "Host: evil.example", bearer]],
    ["a Host of somebody else", 403, ["Host: evil.example", bearer]],
    ["a Host that begins well", 403, ["Host: localhost.evil.example", bearer]],
    ["a Host with a user", 403, ["Host: localhost@evil.example", bearer]],
    ["a page's Origin", 403, ["Host: localhost", "Origin: https://evil.example", bearer]],
    ["a null Origin", 403, ["Host: localhost", "Origin: null", bearer]],
    ["two Origins", 403, ["Host: localhost", "Origin: https://page.example", "Origin: https://evil.example", bearer]],
  ])("refuses %s with %i, and its upgrades as well", async (_what, status, lines) => {
    const port = await door();
    expect(statusOf(await ask(port, lines))).toBe(status);
    expect(statusOf(await ask(port, [...lines, ...upgrade], "GET /ws HTTP/1.1"))).toBe(status);
    expect(statusOf(await ask(port, [...lines, ...upgrade], "GET /terminal HTTP/1.1"))).toBe(status);
  });

  it.each([
    ["an address", "Host: 127.0.0.1:8080"],
    ["an address of version 6", "Host: [::1]:8080"],
    ["localhost", "Host: LOCALHOST:1"],
    ["a listed name", "Host: Worker.Example"],
    ["a listed page", "Host: localhost\r\nOrigin: https://page.example"],
  ])("lets %s in", async (_what, line) => {
    expect(statusOf(await ask(await door(), [line, bearer]))).toBe(200);
  });

  it("upgrades /ws and /terminal, with the subprotocol where it is offered", async () => {
    const port = await door();
    const first = async (path: string, protocols: string[] = []): Promise<string> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers: { authorization: `Bearer ${TOKEN}` } });
      onTestFinished(() => socket.terminate());
      const [data] = (await once(socket, "message")) as [Buffer];
      return data.toString();
    };
    expect(await first("/ws")).toBe("monitor");
    expect(await first("/terminal?columns=80")).toBe("terminal /terminal?columns=80 ");
    expect(await first("/terminal", ["novabot.terminal.v1"])).toBe("terminal /terminal novabot.terminal.v1");
    expect(await first("/terminal", ["other", "novabot.terminal.v1"])).toBe("terminal /terminal novabot.terminal.v1");
    expect(statusOf(await ask(port, ["Host: localhost", bearer, ...upgrade], "GET /other HTTP/1.1"))).toBe(404);
    // A version of WebSocket that is none.
    expect(
      statusOf(await ask(port, ["Host: localhost", bearer, ...upgrade.slice(0, 2), "Connection: close"], "GET /ws HTTP/1.1")),
    ).toBe(400);
  });

  it("answers what is no HTTP, heads without end and pipelined requests, and goes on", async () => {
    const port = await door();
    expect(statusOf(await say(port, "\0\x01\x02 nonsense\r\n\r\n"))).toBe(400);
    expect([400, 431]).toContain(statusOf(await say(port, `GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}\r\n\r\n`)));
    expect(
      statusOf(
        await say(
          port,
          "GET /health/websocket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
      ),
    ).toBe(400);
    const two = await say(port, `GET /health/websocket HTTP/1.1\r\nHost: localhost\r\n${bearer}\r\n\r\n`.repeat(2));
    expect(two.match(/HTTP\/1\.1 200/g)).toHaveLength(1);
    expect(statusOf(await ask(port, ["Host: localhost", bearer]))).toBe(200);
  });

  it("lets in who has the token, however many without it hold connections", async () => {
    const port = await door();
    const strangers = Array.from({ length: 700 }, () => {
      const socket = connect(port, "127.0.0.1", () => void socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "));
      onTestFinished(() => void socket.destroy());
      return socket.on("error", () => {});
    });
    await Promise.all(strangers.map((socket) => once(socket, "connect")));
    expect(statusOf(await ask(port, ["Host: localhost", bearer]))).toBe(200);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { authorization: `Bearer ${TOKEN}` } });
    onTestFinished(() => socket.terminate());
    expect(String((await once(socket, "message"))[0])).toBe("monitor");
    // Who was let in stays when more of them come.
    const more = Array.from({ length: 300 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    onTestFinished(() => void more.map((one) => one.destroy()));
    await Promise.all(more.map((one) => once(one, "connect")));
    expect(statusOf(await ask(port, ["Host: localhost", bearer]))).toBe(200);
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it("tells who has the token when there are too many of them", async () => {
    const port = await door();
    const open = Array.from({ length: 512 }, () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { authorization: `Bearer ${TOKEN}` } });
      onTestFinished(() => socket.terminate());
      return socket;
    });
    await Promise.all(open.map((socket) => once(socket, "open")));
    const answer = await ask(port, ["Host: localhost", bearer]);
    expect(statusOf(answer)).toBe(503);
    expect(answer).toContain("512 connections are open already");
  });

  it("says which address it cannot have", async () => {
    const port = await door();
    await expect(openHTTPDoor({ ...settings, port }, new Promise(() => {}))).rejects.toMatchObject({
      code: "SUPERVISOR_FAILED",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it("hangs up on everybody when it closes", async () => {
    const opened = await openHTTPDoor(settings, new Promise(() => {}));
    const idle = connect(opened.port, "127.0.0.1");
    const waiting = new WebSocket(`ws://127.0.0.1:${opened.port}/ws`, { headers: { authorization: `Bearer ${TOKEN}` } });
    waiting.on("error", () => {});
    await Promise.all([once(idle, "connect"), once(waiting, "open")]);
    const gone = Promise.all([once(idle, "close"), once(waiting, "close")]);
    idle.resume();
    await opened.close();
    expect(await gone).toHaveLength(2);
  });
});
