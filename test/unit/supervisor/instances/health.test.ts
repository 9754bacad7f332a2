import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Probe } from "../../../../src/model/instance.ts";
import { freePort } from "../../../fixtures/free-port.ts";
import { oddSeconds, openHouse, processesWith, script, shell, temporaryDirectory } from "./house.ts";

function asking(target: Probe["target"], settings: Partial<Probe> = {}): Probe {
  return { target, intervalMs: 50, timeoutMs: 1_000, failures: 2, ...settings };
}

it("is ready when its port answers", async () => {
  const port = await freePort();
  const house = await openHouse();
  const text = `setTimeout(() => require("net").createServer().listen(${port}, "127.0.0.1"), 200)`;
  const status = await house.instances.start(script("web", text, { readiness: asking({ kind: "port", port }) }));
  expect(status).toMatchObject({ state: "running", ready: false, why: "runs, and is not ready yet" });
  expect(await house.instances.wait("web", "ready", 20_000)).toMatchObject({ ready: true, pid: status.pid, why: "it is ready" });
});

it("is ready while its path answers well, and tells when it no longer does", async () => {
  const port = await freePort();
  const house = await openHouse();
  const flag = join(temporaryDirectory(), "bad");
  writeFileSync(flag, "");
  const text = `require("http").createServer((request, response) => {
    response.statusCode = request.url === "/ready?a" && !require("fs").existsSync("${flag}") ? 200 : 500;
    response.write("x".repeat(10)); if (response.statusCode === 500) response.end();
  }).listen(${port}, "127.0.0.1", () => console.log("up"))`;
  const readiness = asking({ kind: "http", port, path: "/ready?a" });
  const { pid } = await house.instances.start(script("web", text, { readiness }));
  await house.untilOutput("web", "up");
  expect(house.instances.status("web").ready).toBe(false);
  rmSync(flag);
  await house.instances.wait("web", "ready", 20_000);
  writeFileSync(flag, "");
  const bad = await house.until(({ why }) => why.startsWith("it is not ready any more"));
  expect(bad).toMatchObject({ state: "running", ready: false, pid });
  expect(bad.why).toContain(`http://127.0.0.1:${port}/ready?a answered 500`);
  rmSync(flag);
  await house.until(({ why, ready }) => ready && why === "it is ready again");
});

it("asks a command in the instance's place, and ends one that does not end", async () => {
  const house = await openHouse();
  const place = temporaryDirectory();
  const seconds = oddSeconds();
  const argv = ["/bin/sh", "-c", `test "$MINE" = yes || exit 1; test -e go || exec sleep ${seconds}`];
  const readiness = asking({ kind: "command", argv }, { timeoutMs: 100 });
  await house.instances.start(shell("web", "exec sleep 3600", { readiness, directory: place, env: { MINE: "yes" } }));
  writeFileSync(join(place, "go"), "");
  await house.instances.wait("web", "ready", 20_000);
  await house.instances.stop("web");
  expect(processesWith(seconds)).toEqual([]);
});

it("counts a readiness that does not come within the grace as a crash, with the reason", async () => {
  const house = await openHouse();
  const port = await freePort();
  const settings = { readiness: asking({ kind: "port", port }), startGraceMs: 150, restart: { delayMs: 0, maxRestarts: 1 } };
  await house.instances.start(shell("web", "exec sleep 3600", settings));
  const end = await house.until(({ state, nextStartAtMs }) => state === "crashed" && nextStartAtMs === null);
  expect(end).toMatchObject({ restarts: 1, crashLoop: true, signal: "SIGTERM" });
  expect(end.why).toContain(`it was not ready within 150 ms: port ${port} does not answer`);
  await expect(house.instances.wait("web", "ready", 20_000)).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
});

it("ends one that fails its liveness, not before the grace, and starts it again", async () => {
  const house = await openHouse();
  // It answers here: a program may take longer than its grace to begin.
  const server = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const liveness = asking({ kind: "port", port }, { failures: 3 });
  const asked = once(server, "connection");
  const fromMs = performance.now();
  const first = await house.instances.start(
    shell("web", "exec sleep 3600", { liveness, startGraceMs: 100, restart: { delayMs: 0 } }),
  );
  await asked;
  expect(performance.now() - fromMs).toBeGreaterThan(98);
  server.close();
  const ending = await house.until(({ state }) => state === "stopping");
  expect(ending.why).toContain(`its liveness failed 3 times in a row: port ${port} does not answer`);
  const again = await house.until(({ state, restarts }) => state === "running" && restarts === 1);
  expect(again.pid).not.toBe(first.pid);
  await house.instances.stop("web");
});

it("says that a command for a probe cannot be run", async () => {
  const house = await openHouse();
  const liveness = asking({ kind: "command", argv: ["/no/such"] }, { failures: 1 });
  await house.instances.start(shell("web", "exec sleep 3600", { liveness, startGraceMs: 0, restart: { when: "never" } }));
  const end = await house.until(({ state }) => state === "crashed");
  expect(end.why).toContain('its liveness failed once: the command "/no/such" could not be run (spawn /no/such ENOENT)');
});
