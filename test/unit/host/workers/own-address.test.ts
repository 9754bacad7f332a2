import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { leadsTo } from "../../../../src/host/workers/own-address.ts";

test("a connection is known by the network that it ends in", async () => {
  const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  expect(await leadsTo("127.0.0.1", port, process.pid)).toBe("there");
  // Somebody in a network of its own, at the same port.
  const program = `require("net").createServer().listen(${port}, "0.0.0.0", () => console.log("listens"))`;
  const other = spawn("unshare", ["--net", process.execPath, "-e", program], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void other.kill("SIGKILL"));
  await once(other.stdout, "data");
  expect(await leadsTo("127.0.0.1", port, other.pid ?? 0)).toBe("elsewhere");
  // Nor is whoever refuses what that one listens for.
  server.close();
  await once(server, "close");
  expect(await leadsTo("127.0.0.1", port, other.pid ?? 0)).toBe("elsewhere");
});

test("where nothing listens, or the process is gone, nobody knows", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  expect(await leadsTo("127.0.0.1", port, 2 ** 30)).toBe("unknown");
  server.close();
  await once(server, "close");
  expect(await leadsTo("127.0.0.1", port, process.pid)).toBe("refused");
});

test("who ends between the look and the connection was no other", async () => {
  for (let round = 0; round < 20; round += 1) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const whither = leadsTo("127.0.0.1", port, process.pid);
    setImmediate(() => void server.close());
    expect(await whither).not.toBe("elsewhere");
  }
});
