import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { circleThrough, depths } from "../../../../src/supervisor/instances/order.ts";
import { stopwatch } from "../../../fixtures/own-lateness.ts";
import { oddSeconds, openHouse, processesWith, shell, temporaryDirectory } from "./house.ts";

it("finds circles and lines", () => {
  const waits = new Map(Object.entries({ a: ["b", "c"], b: ["c"], c: ["gone"], d: ["e"], e: ["d"], f: ["f"] }));
  expect(circleThrough("a", waits)).toBeNull();
  expect(circleThrough("d", waits)).toEqual(["d", "e", "d"]);
  expect(circleThrough("f", waits)).toEqual(["f", "f"]);
  for (const id of ["d", "e", "f"]) waits.delete(id);
  expect(Object.fromEntries(depths(waits))).toEqual({ a: 3, b: 2, c: 1 });
});

it("starts an instance when those it waits for are ready", async () => {
  const house = await openHouse();
  const place = temporaryDirectory();
  const readiness = {
    target: { kind: "command" as const, argv: ["test", "-e", join(place, "go")] },
    intervalMs: 50,
    timeoutMs: 5_000,
    failures: 1,
  };
  await house.instances.start(shell("db", "exec sleep 3600", { readiness }));
  await house.instances.start(shell("cache", "exec sleep 3600"));
  const waiting = await house.instances.start(shell("web", "exec sleep 3600", { after: ["cache", "db"] }));
  expect(waiting).toMatchObject({ state: "starting", pid: null, why: 'waits for "db", which is not ready' });
  writeFileSync(join(place, "go"), "");
  await house.instances.wait("web", "ready", 20_000);
  const order = house.told.map(({ id, state, ready }) => `${id} ${state} ${ready}`);
  expect(order.indexOf("web running true")).toBeGreaterThan(order.indexOf("db running true"));
});

it("waits again at a restart, and gives the wait up when it is stopped", async () => {
  const house = await openHouse();
  await house.instances.start(shell("db", "exec sleep 3600"));
  await house.instances.start(shell("web", "exec sleep 3600", { after: ["db"] }));
  await house.instances.stop("db");
  expect(house.instances.status("web").state).toBe("running");
  expect(await house.instances.restart("web")).toMatchObject({ state: "starting", why: 'waits for "db", which is stopped' });
  expect(await house.instances.stop("web")).toMatchObject({ state: "stopped", why: "was stopped before it was started" });
  await house.instances.restart("web");
  await house.instances.remove("db");
  expect(house.instances.status("web").why).toBe('waits for "db", which was removed');
  await house.instances.start(shell("db", "exec sleep 3600"));
  await house.instances.wait("web", "running", 20_000);
});

it("refuses circles and instances that are not there", async () => {
  const { instances } = await openHouse();
  await expect(instances.start(shell("a", "true", { after: ["b"] }))).rejects.toMatchObject({ code: "INSTANCE_INVALID" });
  await expect(instances.start(shell("a", "true", { after: ["a"] }))).rejects.toMatchObject({ code: "INSTANCE_INVALID" });
  expect(instances.list()).toEqual([]);
  await instances.start(shell("a", "exit 0"));
  await instances.start(shell("b", "exit 0", { after: ["a"] }));
  await instances.wait("a", "stopped", 20_000);
  await expect(instances.start(shell("a", "true", { after: ["b"] }))).rejects.toMatchObject({
    code: "INSTANCE_INVALID",
    message: 'Instances would wait for one another in a circle: "a" → "b" → "a".',
  });
});

it("ends those first that others do not wait for", async () => {
  const house = await openHouse();
  const slow = "trap 'sleep 0.1; exit 0' TERM; echo up; while :; do sleep 0.05; done";
  await house.instances.start(shell("db", slow));
  await house.instances.start(shell("api", slow, { after: ["db"] }));
  await house.instances.start(shell("web", slow, { after: ["api"] }));
  await house.instances.start(shell("other", slow));
  for (const id of ["db", "api", "web", "other"]) await house.untilOutput(id, "up");
  await house.instances.close(20_000);
  const ends = house.told
    .filter(({ state }) => state === "stopping" || state === "stopped")
    .map(({ id, state }) => `${id} ${state}`);
  const line = ends.filter((one) => !one.startsWith("other"));
  expect(line).toEqual(["web stopping", "web stopped", "api stopping", "api stopped", "db stopping", "db stopped"]);
  expect(ends.indexOf("other stopping")).toBeLessThan(ends.indexOf("web stopped"));
});

it("ends all within the grace, also what waits for nothing", async () => {
  const house = await openHouse();
  const seconds = oddSeconds();
  const deaf = `trap '' TERM; echo up; while :; do sleep ${seconds}; done`;
  const polite = `trap 'echo tidy; exit 0' TERM; echo up; while :; do sleep 0.02; done`;
  await house.instances.start(shell("db", polite));
  await house.instances.start(shell("api", deaf, { after: ["db"] }));
  await house.instances.start(shell("web", deaf, { after: ["api"] }));
  await house.instances.start(shell("waits", "exit 1", { restart: { delayMs: 3_600_000, maxDelayMs: 3_600_000 } }));
  for (const id of ["db", "api", "web"]) await house.untilOutput(id, "up");
  const took = stopwatch();
  await house.instances.close(3_000);
  expect(took()).toBeLessThan(3_000);
  expect(processesWith(seconds)).toEqual([]);
  // The last in the line had its time although those before it took all of theirs.
  expect(house.output("db")).toContain("tidy");
  expect(house.instances.list().map(({ state }) => state)).toEqual(["stopped", "stopped", "stopped", "stopped"]);
});

it("takes no more instances than its limit, and one again when another was removed", async () => {
  const house = await openHouse({ limit: 2 });
  await house.instances.start(shell("a", "exec sleep 3600"));
  await house.instances.start(shell("b", "exit 0"));
  await expect(house.instances.start(shell("c", "exit 0"))).rejects.toMatchObject({
    code: "INSTANCE_INVALID",
    message: expect.stringContaining("2 instances already") as string,
  });
  await house.instances.wait("b", "stopped", 20_000);
  await house.instances.start(shell("b", "exit 0"));
  await house.instances.remove("b");
  await house.instances.start(shell("c", "exit 0"));
});
