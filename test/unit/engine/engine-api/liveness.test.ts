import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { liveness } from "../../../../src/engine/engine-api/liveness.ts";
import type { NovaError } from "../../../../src/model/errors.ts";

const times = { everyMs: 20, hangMs: 3000, recheckMs: 20, lateMs: 100 };

/** A stand-in for the daemon's ping alone, because a daemon cannot be told to answer late. */
describe("the watch on a daemon", () => {
  let directory: string;
  let socket: string;
  const servers: Server[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "novabot-test-ping-"));
    socket = join(directory, "engine.sock");
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(directory, { recursive: true });
  });
  async function serve(listener: RequestListener): Promise<Server> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    return server;
  }

  test("nothing there", async () => {
    expect(await liveness(socket, times).check()).toMatchObject({ code: "ENGINE_LOST", facts: { socket } });
  });

  test("slow but there", async () => {
    await serve((_request, response) => setTimeout(() => response.end("OK"), 200));
    expect(await liveness(socket, times).check()).toBeUndefined();
  });

  test("silent", async () => {
    await serve(() => {});
    const startedAt = performance.now();
    expect((await liveness(socket, { ...times, hangMs: 300 }).check())?.message).toContain("no answer to a ping for 300 ms");
    expect(performance.now() - startedAt).toBeGreaterThan(290);
  });

  test("this process was busy, not the daemon", async () => {
    await serve((_request, response) => setTimeout(() => response.end("OK"), 100));
    const checking = liveness(socket, { ...times, hangMs: 300 }).check();
    await sleep(10);
    const end = performance.now() + 1000;
    while (performance.now() < end);
    expect(await checking).toBeUndefined();
  });

  test("a listener that is just being replaced is no loss", async () => {
    const checking = liveness(socket, { ...times, recheckMs: 1000 }).check();
    await sleep(50);
    await serve((_request, response) => response.end("OK"));
    expect(await checking).toBeUndefined();
  });

  test("who watches is told once, who stopped is not, and who comes later is watched for as well", async () => {
    const server = await serve((_request, response) => response.end("OK"));
    const alive = liveness(socket, times);
    const told = vi.fn<(error: NovaError) => void>();
    const stopped = vi.fn<(error: NovaError) => void>();
    alive.watch(told);
    alive.watch(stopped)();
    await sleep(100);
    expect(told).not.toHaveBeenCalled();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    servers.length = 0;
    await expect.poll(() => told).toHaveBeenCalled();
    const later = await new Promise<NovaError>((resolve) => alive.watch(resolve));
    expect(later.code).toBe("ENGINE_LOST");
    expect(told).toHaveBeenCalledTimes(1);
    expect(stopped).not.toHaveBeenCalled();
  });

  test("nobody is pinged when nobody waits", async () => {
    let pings = 0;
    await serve((_request, response) => {
      pings += 1;
      response.end("OK");
    });
    const stop = liveness(socket, times).watch(() => {});
    await expect.poll(() => pings).toBeGreaterThan(2);
    stop();
    const seen = pings;
    await sleep(300);
    // One may have been on its way.
    expect(pings).toBeLessThanOrEqual(seen + 1);
  });

  test("who comes while a ping is not answered is told soon after the others", async () => {
    await serve(() => {});
    const alive = liveness(socket, { ...times, hangMs: 2000, lateMs: 100 });
    const told: number[] = [];
    alive.watch(() => told.push(performance.now()));
    await sleep(1000);
    await new Promise<void>((resolve) => alive.watch(() => resolve()));
    expect(told).toHaveLength(1);
    // Sooner than a ping that began with the others' loss.
    expect(performance.now() - (told[0] ?? 0)).toBeLessThan(1900);
  });
});
