import { expect, test } from "vitest";
import { openRestHouse } from "../../../fixtures/rest-house.ts";

test("/healthz needs no token and tells nothing", async () => {
  const house = await openRestHouse();
  const answer = await house.ask("/healthz", { role: null });
  expect([answer.status, await answer.text()]).toEqual([200, "ok\n"]);
});

test("/health/terminal and /health/websocket tell of each worker's doors, and ask one now", async () => {
  const house = await openRestHouse({ workers: ["shop"] });
  for (const door of ["terminal", "websocket"]) {
    expect((await house.ask(`/health/${door}`, { role: null })).status).toBe(401);
    for (const query of ["", "?worker=shop"]) {
      const answer = await house.ask(`/health/${door}${query}`, { role: "viewer" });
      const told = (await answer.json()) as { status: string; workers: Record<string, { healthy: boolean }> };
      expect(Object.keys(told.workers)).toEqual(["shop"]);
      const isHealthy = told.workers["shop"]?.healthy === true;
      expect([answer.status, told.status]).toEqual(isHealthy ? [200, "healthy"] : [503, "unhealthy"]);
      if (door === "websocket") expect(isHealthy).toBe(true);
    }
  }
  expect(await house.told("/api/workers/shop/health", { method: "POST", role: "viewer" })).toMatchObject({
    health: { websocket: { healthy: true } },
  });
});

test("a worker that is lost makes all unhealthy, one that was stopped does not", async () => {
  const house = await openRestHouse();
  expect(await house.told("/health/websocket")).toEqual({ status: "healthy", workers: {} });
  await house.store.putWorker("away", { state: "stopped", why: "somebody stopped it", sinceMs: 1 });
  expect(await house.told("/health/websocket")).toEqual({ status: "healthy", workers: {} });
  await house.store.putWorker("shop", { state: "lost", why: "it does not answer", sinceMs: 1 });
  const answer = await house.ask("/health/websocket");
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    status: "unhealthy",
    workers: { shop: { healthy: false, reason: "it is lost: it does not answer" } },
  });
});
