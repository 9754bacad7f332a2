import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { newWebSocketRpcSession, type RpcStub } from "capnweb";
import { describe, expect, onTestFinished, test } from "vitest";
import type { WebSocket } from "ws";
import type { ContainerMonitoringOps } from "../../../../src/orchestrator/rpc/rpc-target.ts";
import type { LogItem, StartOptions } from "../../../../src/orchestrator/rpc/monitoring-ops.ts";
import { type OpenDoors, opened, openTestDoors } from "../../../fixtures/open-doors.ts";
import { runSupervisor, supervisorDirectory, WORKER_TOKEN } from "../../../fixtures/supervisor-process.ts";

interface Session {
  readonly house: OpenDoors;
  readonly ops: RpcStub<ContainerMonitoringOps>;
  readonly socket: WebSocket;
}

async function openSession(token?: string): Promise<Session> {
  const supervisor = runSupervisor(await supervisorDirectory());
  const worker = { host: "127.0.0.1", port: await supervisor.port, token: WORKER_TOKEN };
  const house = await openTestDoors({ workers: { worker } });
  await linked(house);
  return { house, ...(await session(house, token)) };
}

async function session(house: OpenDoors, token = house.token): Promise<Omit<Session, "house">> {
  const socket = house.socket("/rpc", [], { headers: { authorization: `Bearer ${token}` } });
  await opened(socket);
  const ops = newWebSocketRpcSession<ContainerMonitoringOps>(socket as unknown as globalThis.WebSocket);
  onTestFinished(() => ops[Symbol.dispose]());
  return { ops, socket };
}

async function linked({ store, get }: OpenDoors): Promise<void> {
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = store.listen(() => resolve());
    const { workers } = (await (await get("/api/workers")).json()) as { workers: readonly { state: string }[] };
    if (workers[0]?.state === "linked") return end();
    await promise;
    end();
  }
}

async function* itemsOf(stream: ReadableStream<LogItem>): AsyncGenerator<LogItem> {
  for await (const item of stream) yield item;
}

/** Reads lines until there are so many. */
async function texts(stream: ReadableStream<LogItem>, count: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const item of itemsOf(stream)) {
    if (item.kind === "log") found.push(item.text);
    if (found.length === count) break;
  }
  return found;
}

const shell = (script: string): StartOptions => ({
  spec: { argv: ["/bin/sh", "-c", script], directory: "/tmp" },
  worker: "worker",
});

const root = join(import.meta.dirname, "../../../..");

describe("the page on RPC", () => {
  test("shows the example and the configuration as they are", async () => {
    const page = await readFile(join(root, "docs/rpc.md"), "utf8");
    for (const [file, language] of [
      ["docs/rpc-client.mjs", "js"],
      ["src/cloudflare/wrangler.jsonc", "jsonc"],
    ] as const)
      expect(page).toContain(`<!-- ${file} -->\n\n\`\`\`${language}\n${await readFile(join(root, file), "utf8")}\`\`\``);
  });

  test("has an example that works, and says what is wrong", async () => {
    const { house } = await openSession();
    const run = async (...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> =>
      await promisify(execFile)(process.execPath, [join(root, "docs/rpc-client.mjs"), ...args], {
        env: { NOVABOT_URL: house.url, NOVABOT_TOKEN: house.token },
      });
    const { stdout } = await run("worker", "/bin/sh", "-c", "seq 1 3; exec sleep 600");
    expect(stdout).toBe("it is running\n1\n2\n3\n");
    expect(await house.store.processes({})).toMatchObject([{ instance: "example", status: { state: "stopped" } }]);
    await expect(run("nobody", "true")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^WORKER_NOT_FOUND: there is no worker "nobody"/),
    });
  });
});

describe("ContainerMonitoringOps over Cap'n Web", () => {
  test("starts and stops a process, and tells its status, errors and logs", async () => {
    const { house, ops } = await openSession();
    const started = await ops.startProcess("web", {
      ...shell("echo one; echo two; echo 'Error: broken pipe dream' >&2; exec sleep 600"),
      wait: "running",
    });
    expect(started).toMatchObject({ worker: "worker", container: "worker-box", instance: "web", status: { state: "running" } });
    expect(await ops.getProcessStatus("web")).toMatchObject({ instance: "web", linked: true, status: { state: "running" } });

    const followed = await ops.getLogs("web", { follow: true, streams: ["stdout"] });
    expect(await texts(followed, 2)).toEqual(["one", "two"]);
    await expect.poll(async () => await ops.getErrors("web")).toHaveLength(1);
    expect(await ops.getErrors("web", { worker: "worker" })).toEqual([
      expect.objectContaining({ worker: "worker", container: "worker-box", instance: "web", count: 1 }),
    ]);
    expect(await ops.stopProcess("web", { graceMs: 1000 })).toMatchObject({ status: { state: "stopped" } });
    expect(await ops.getProcessStatus("web")).toMatchObject({ status: { state: "stopped" } });
    expect(await ops.startProcess("web")).toMatchObject({ instance: "web" });

    const { items: audit } = await house.store.audit({ limit: 10 });
    expect(audit.map(({ door, what, subject, result }) => `${door} ${what} ${subject} ${result}`)).toEqual([
      "rpc process.start web done",
      "rpc process.stop web done",
      "rpc process.start web done",
    ]);
  });

  test("says what is wrong by NovaBot's code", async () => {
    const { ops } = await openSession();
    await expect(ops.getProcessStatus("nobody")).rejects.toMatchObject({
      code: "INSTANCE_NOT_FOUND",
      status: 404,
      place: "instanceId",
      message: expect.stringMatching(/^INSTANCE_NOT_FOUND: /),
    });
    await expect(ops.getLogs("nobody", { follow: true })).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(ops.getLogs("nobody")).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(ops.getProcessStatus("../..")).rejects.toMatchObject({ code: "REQUEST_INVALID", place: "instanceId" });
    const strange = ops as unknown as Record<string, (...values: readonly unknown[]) => Promise<unknown>>;
    await expect(strange["getErrors"]?.("web", { limits: 1 })).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      place: "limits",
    });
    expect(await refused(strange["getErrors"]?.("web", () => 1))).toMatchObject({ code: "REQUEST_INVALID", place: "options" });
    expect(await refused(strange["getErrors"]?.())).toMatchObject({ code: "REQUEST_INVALID" });
    expect(await refused(strange["getLogs"]?.("web", { follow: 1 }))).toMatchObject({ code: "REQUEST_INVALID", place: "follow" });
    // What is not one of the five is not there.
    for (const name of ["call", "errors", "logs"]) await refused(strange[name]?.("web"));
  });

  test("lets a viewer look and not change, and ends when the token goes", async () => {
    const { house, ops } = await openSession();
    const made = await house.get("/api/tokens", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "eyes", role: "viewer" }),
    });
    const { token } = (await made.json()) as { readonly token: string };
    await ops.startProcess("web", { ...shell("exec sleep 600"), wait: "running" });
    const eyes = await session(house, token);
    expect(await eyes.ops.getProcessStatus("web")).toMatchObject({ instance: "web" });
    await expect(eyes.ops.stopProcess("web")).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN", status: 403 });
    const closed = once(eyes.socket, "close");
    const removed = await house.get("/api/tokens/eyes", { method: "DELETE" });
    expect(removed.status).toBe(200);
    expect(await closed).toEqual([1008, expect.anything()]);
    await expect(opened(house.socket("/rpc", [], { headers: {} }))).rejects.toMatchObject({ status: 401, code: "ACCESS_DENIED" });
  });

  test("streams all that is kept, page by page, when asked from a position", async () => {
    const { house, ops } = await openSession();
    await ops.startProcess("counter", { ...shell("seq 1 5000; exec sleep 600"), wait: "running" });
    const followed = await ops.getLogs("counter", { after: 0, follow: true });
    expect((await texts(followed, 5000)).at(-1)).toBe("5000");
    const all = await ops.getLogs("counter", { after: 0 });
    expect(await texts(all, Number.POSITIVE_INFINITY)).toEqual(Array.from({ length: 5000 }, (_, index) => `${index + 1}`));
    const few = await ops.getLogs("counter", { after: 0, limit: 3 });
    expect(await texts(few, Number.POSITIVE_INFINITY)).toEqual(["1", "2", "3"]);
    const last = await ops.getLogs("counter", { limit: 2 });
    expect(await texts(last, Number.POSITIVE_INFINITY)).toEqual(["4999", "5000"]);
    expect(house.logged.filter(({ message }) => message.includes("RPC"))).toEqual([]);
  });
});

/** What a call that is not as its types want it rejects with; Cap'n Web's promises are none of the language's own. */
async function refused(call: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call was not refused");
}
