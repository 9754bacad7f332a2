import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { ruleOf } from "../../../../src/agents/gateway/egress/rules.ts";
import { openDoor, openGateway, plan, socketOf } from "../../../fixtures/gateway.ts";

/** What reached the target, one line for each request that it took out of the bytes. */
async function target(): Promise<{ readonly port: number; readonly seen: string[] }> {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    buffer(request).then(
      (body) => {
        seen.push(`${request.method} ${request.url} ${request.headers.host} ${body.length}`);
        response.end("taken");
      },
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

const hidden = "POST /v1/files HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n";

/** Ways to have the bytes of a body go on as a request of their own. */
const tricks: readonly (readonly [string, string, string])[] = [
  ["a length that is the connection's own", `Connection: keep-alive, content-length\r\nContent-Length: ${hidden.length}`, hidden],
  [
    "chunks that are the connection's own",
    "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
  ],
  ["a length and chunks", `Content-Length: 4\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${hidden}`],
  ["two lengths", `Content-Length: 0\r\nContent-Length: ${hidden.length}`, hidden],
  ["chunks spelled otherwise", "Transfer-Encoding: xchunked", hidden],
  ["chunks before another coding", "Transfer-Encoding: chunked, identity", `0\r\n\r\n${hidden}`],
  ["a length with a sign", `Content-Length: +${hidden.length}`, hidden],
  ["a body without a length", "X: y", hidden],
];

test.each(tricks)("a body never goes on as a request: %s", async (_name, headers, body) => {
  const { port, seen } = await target();
  const door = await openDoor(await openGateway(() => Promise.resolve(["127.0.0.1"])));
  const rules = [ruleOf({ host: "allowed.example", port, private: true }, "test")];
  const visit = door.admit(plan(`http://127.0.0.1:${port}`, rules));
  const token = visit.variables["ANTHROPIC_API_KEY"] ?? "";
  for (const method of ["GET", "POST"]) {
    for (const url of [method === "GET" ? "/v1/models" : "/v1/messages", `http://allowed.example:${port}/path`]) {
      const socket = connect(socketOf(door));
      socket.on("error", () => undefined);
      socket.write(`${method} ${url} HTTP/1.1\r\nHost: family\r\nx-api-key: ${token}\r\n${headers}\r\n\r\n${body}`);
      // It is answered or hung up on; by then the target has had all that went on.
      await Promise.race([once(socket, "data"), once(socket, "close")]);
      socket.destroy();
    }
  }
  expect(seen.filter((line) => line.includes("/v1/files") || line.includes("evil.example"))).toEqual([]);
});
