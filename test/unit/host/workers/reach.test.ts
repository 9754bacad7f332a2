import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { workerAddress } from "../../../../src/host/workers/reach.ts";
import { DOOR_PORT } from "../../../../src/workers/worker.ts";

test("an address that leads to somebody else is tried once for each start of a container, and then it is entered at once", async () => {
  // Somebody else who has the address here.
  const host = "127.77.6.1";
  let tried = 0;
  const server = createServer((socket) => {
    tried += 1;
    socket.on("error", () => {});
  }).listen(DOOR_PORT, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  // The worker itself, in a network of its own.
  const other = spawn("unshare", ["--net", process.execPath, "-e", "setInterval(() => {}, 1000); console.log(1)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void other.kill("SIGKILL"));
  await once(other.stdout, "data");
  const engine = { inspect: async () => ({ pid: other.pid, addresses: { bridge: host } }) };
  const info = { sharesKernel: true, rootless: false };
  const kept = { name: "alpha", token: "x".repeat(16), published: null, settings: { network: "open" } };
  const elsewhere = new Map<string, string>();
  const ask = async (container: string): Promise<boolean> =>
    "connect" in (await workerAddress({ engine, info, mayEnter: true } as never, kept as never, container, elsewhere));
  expect([await ask("one"), await ask("one"), await ask("one")]).toEqual([true, true, true]);
  await expect.poll(() => tried).toBe(1);
  expect(await ask("two")).toBe(true);
  await expect.poll(() => tried).toBe(2);
});
