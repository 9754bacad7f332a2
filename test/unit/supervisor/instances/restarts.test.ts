import { expect, it } from "vitest";
import { restartPolicySchema, type RestartPolicy } from "../../../../src/model/instance.ts";
import { Restarts } from "../../../../src/supervisor/instances/restarts.ts";
import { openHouse, shell } from "./house.ts";

function policy(settings: Partial<RestartPolicy>): RestartPolicy {
  return restartPolicySchema.parse(settings);
}

const crash = { failed: true, ranMs: 5 };

it("doubles the delay up to its ceiling", () => {
  const restarts = new Restarts(() => 0);
  const settings = policy({ delayMs: 100, maxDelayMs: 1_000 });
  const delays = Array.from({ length: 6 }, (_, i) => restarts.afterEnd(settings, { ...crash, nowMs: i }));
  expect(delays.map((verdict) => (verdict.kind === "restart" ? verdict.delayMs : null))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
  expect(delays.map((verdict) => verdict.kind === "restart" && verdict.crashLoop)).toEqual([
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
});

it("takes up to half of the delay off at random", () => {
  const random = [0, 0.5, 0.999];
  const delays = random.map((value) => new Restarts(() => value).afterEnd(policy({ delayMs: 1_000 }), { ...crash, nowMs: 0 }));
  expect(delays).toEqual([1_000, 750, 500].map((delayMs) => ({ kind: "restart", delayMs, crashLoop: false })));
});

it("gives up past the limit within the window, and forgets what is older", () => {
  const settings = policy({ maxRestarts: 2, windowMs: 1_000, delayMs: 0 });
  const restarts = new Restarts(Math.random);
  const at = (nowMs: number): string => restarts.afterEnd(settings, { ...crash, nowMs }).kind;
  expect([0, 10, 1_005, 1_006].map(at)).toEqual(["restart", "restart", "restart", "given up"]);
  expect(restarts.afterEnd(settings, { ...crash, nowMs: 1_007 })).toEqual({
    kind: "given up",
    crashLoop: true,
    why: "crash loop: it was restarted 2 times within 1 s, which is its limit",
  });
  expect(new Restarts(Math.random).afterEnd(policy({ maxRestarts: 0 }), { ...crash, nowMs: 0 })).toMatchObject({
    kind: "given up",
    crashLoop: false,
  });
});

it("begins anew after a healthy stretch", () => {
  const settings = policy({ maxRestarts: 2, delayMs: 100, healthyAfterMs: 500 });
  const restarts = new Restarts(() => 0);
  const after = (ranMs: number): unknown => restarts.afterEnd(settings, { failed: true, ranMs, nowMs: 0 });
  expect([after(5), after(5), after(500), after(499)]).toMatchObject([
    { delayMs: 100 },
    { delayMs: 200 },
    { delayMs: 100 },
    { delayMs: 200 },
  ]);
});

it.each([
  ["never", true, "given up"],
  ["never", false, "done"],
  ["on-failure", true, "restart"],
  ["on-failure", false, "done"],
  ["always", true, "restart"],
  ["always", false, "restart"],
] as const)("%s, failed %s: %s", (when, failed, kind) => {
  expect(new Restarts(Math.random).afterEnd(policy({ when }), { failed, ranMs: 5, nowMs: 0 }).kind).toBe(kind);
});

it("restarts a real program that crashes, calls the crash loop by its name and gives up", async () => {
  const house = await openHouse({ random: () => 0 });
  await house.instances.start(shell("web", "echo up; exit 3", { restart: { delayMs: 5, maxDelayMs: 20, maxRestarts: 4 } }));
  const end = await house.until(
    ({ state, nextStartAtMs, crashLoop }) => state === "crashed" && nextStartAtMs === null && crashLoop,
  );
  expect(end).toMatchObject({ restarts: 4, exitCode: 3, crashLoop: true, pid: null });
  expect(end.why).toBe("ended with status 3; crash loop: it was restarted 4 times within 60 s, which is its limit");
  expect(house.output("web")).toBe("up\n".repeat(5));
  await expect(house.instances.wait("web", "running", 10_000)).rejects.toMatchObject({ code: "INSTANCE_FAILED" });

  const waits = house.told.filter(({ nextStartAtMs }) => nextStartAtMs !== null);
  expect(waits.map(({ state, restarts, crashLoop, why }) => [state, restarts, crashLoop, why])).toEqual([
    ["crashed", 0, false, "ended with status 3; is started again in 0.005 s"],
    ["crashed", 1, false, "ended with status 3; is started again in 0.01 s"],
    ["crashed", 2, true, "ended with status 3; crash loop: is started again in 0.02 s"],
    ["crashed", 3, true, "ended with status 3; crash loop: is started again in 0.02 s"],
  ]);
});

it("begins anew when somebody starts it, and takes the crash loop back after a healthy stretch", async () => {
  const house = await openHouse();
  const restart = { delayMs: 0, maxRestarts: 3, healthyAfterMs: 1_500 };
  await house.instances.start(shell("web", "exit 3", { restart }));
  await house.until(({ state, nextStartAtMs, crashLoop }) => state === "crashed" && nextStartAtMs === null && crashLoop);
  const count = `${house.directory}/count`;
  const text = `n=$(cat ${count} 2>/dev/null || echo 0); echo $((n + 1)) > ${count}; test $n -lt 3 && exit 1; exec sleep 3600`;
  const mark = house.told.length;
  const started = await house.instances.start(shell("web", text, { restart }));
  expect(started).toMatchObject({ restarts: 0, crashLoop: false });
  const loop = await house.until(({ state, crashLoop }) => state === "running" && crashLoop, mark);
  const calm = await house.until(({ state, crashLoop }) => state === "running" && !crashLoop, house.told.indexOf(loop));
  expect(calm).toMatchObject({ pid: loop.pid, restarts: 3 });
});

it("restarts what ends well only when it always shall run", async () => {
  const house = await openHouse();
  await house.instances.start(shell("web", "exit 0", { restart: { when: "always", delayMs: 0, maxRestarts: 2 } }));
  const end = await house.until(
    ({ state, nextStartAtMs, restarts }) => state === "crashed" && nextStartAtMs === null && restarts > 0,
  );
  expect(end).toMatchObject({ restarts: 2, exitCode: 0, crashLoop: true });
});

it("says that a kill came from outside", async () => {
  const house = await openHouse();
  await house.instances.start(shell("web", "kill -KILL $$", { restart: { when: "never" } }));
  const { why } = await house.until(({ state }) => state === "crashed");
  expect(why).toContain("was ended by SIGKILL, which came from outside: perhaps the container has too little memory");
});

it("counts an end by a signal as a failure", async () => {
  const house = await openHouse();
  await house.instances.start(shell("web", "kill -SEGV $$", { restart: { when: "never" } }));
  const status = await house.until(({ state }) => state === "crashed");
  expect(status).toMatchObject({ signal: "SIGSEGV", exitCode: null });
  expect(status.why).toBe("was ended by SIGSEGV; its policy is not to restart it");
});

it("does not start again when it is stopped while it waits, and starts at once when it is told to", async () => {
  const house = await openHouse({ random: () => 0 });
  const restart = { delayMs: 3_600_000, maxDelayMs: 3_600_000 };
  await house.instances.start(shell("web", "exit 1", { restart }));
  const waiting = await house.until(({ state }) => state === "crashed");
  expect(waiting.nextStartAtMs).toBeGreaterThan(Date.now() + 3_500_000);
  expect(await house.instances.stop("web")).toMatchObject({ state: "stopped", nextStartAtMs: null, exitCode: 1 });

  await house.instances.start(shell("web", "exit 2", { restart }));
  await house.until(({ state, exitCode }) => state === "crashed" && exitCode === 2);
  const mark = house.told.length;
  expect(await house.instances.restart("web")).toMatchObject({ state: "running", restarts: 0 });
  await house.until(({ state }) => state === "crashed", mark);
  expect(await house.instances.start(shell("web", "exec sleep 3600", { restart }))).toMatchObject({ state: "running" });
});
