import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openHouse, oddSeconds, processesWith, script, shell, spec, temporaryDirectory } from "./house.ts";

it("starts, tells of each state, and stops", async () => {
  const { instances, told } = await openHouse();
  const status = await instances.start(shell("web", "exec sleep 3600", { port: 3000 }));
  expect(status).toMatchObject({
    id: "web",
    state: "running",
    ready: true,
    port: 3000,
    restarts: 0,
    crashLoop: false,
    exitCode: null,
  });
  expect(status.pid).toBeGreaterThan(1);
  expect(instances.list()).toEqual([status]);

  const stopped = await instances.stop("web");
  expect(stopped).toMatchObject({
    state: "stopped",
    ready: false,
    pid: null,
    startedAtMs: null,
    signal: "SIGTERM",
    exitCode: null,
  });
  expect(stopped.why).toBe("was stopped; was ended by SIGTERM");
  expect(told.map(({ state }) => state)).toEqual(["starting", "running", "stopping", "stopped"]);
  expect(() => process.kill(status.pid ?? 0, 0)).toThrow("ESRCH");
});

it("gives the program the container's environment, its own, its port and its id, and nothing of the supervisor's", async () => {
  const house = await openHouse({
    env: {
      PATH: process.env["PATH"],
      FROM_IMAGE: "1",
      NOVABOT_WORKER: "w",
      NOVABOT_WORKER_TOKEN: "secret",
      NOVABOT_INSTANCE_TOKEN: "x",
      PORT: "1",
    },
  });
  const mine = shell("web", "env; pwd; cat; echo written to a file > /dev/stdout; echo end", {
    env: { MINE: "a b\n'c'" },
    port: 4000,
    directory: "/usr",
    restart: { when: "never" },
  });
  await house.instances.start(mine);
  await house.instances.wait("web", "stopped", 10_000);
  const text = house.output("web");
  for (const line of ["FROM_IMAGE=1", "NOVABOT_WORKER=w", "MINE=a b\n'c'", "PORT=4000", "NOVABOT_INSTANCE_ID=web", "/usr\n"]) {
    expect(text).toContain(line);
  }
  expect(text).toMatch(/written to a file\nend\n$/);
  expect(text).toMatch(new RegExp(`NOVABOT_INSTANCE_TOKEN=${house.bootID}-web-1\n`));
  expect(text).not.toContain("secret");
  const { env, directory } = house.instances.place("web");
  expect(env).toMatchObject({ MINE: "a b\n'c'", PORT: "4000", NOVABOT_INSTANCE_ID: "web" });
  expect(Object.keys(env).filter((name) => name.includes("TOKEN"))).toEqual([]);
  expect(directory).toBe("/usr");
});

it("runs it in a session and a group of its own", async () => {
  const house = await openHouse();
  await house.instances.start(shell("web", "cat /proc/$$/stat", { restart: { when: "never" } }));
  const { exitCode } = await house.instances.wait("web", "stopped", 10_000);
  expect(exitCode).toBe(0);
  const [pid, , , , group, session] = house
    .output("web")
    .replace(/\(.*\)/, "x")
    .split(" ");
  expect([group, session]).toEqual([pid, pid]);
});

const directory = "/tmp";
it.each([
  [
    "a program that is nowhere",
    ["novabot-no-such-program"],
    {},
    /the program "novabot-no-such-program" is not in a directory of its PATH/,
  ],
  ["a path that does not exist", ["/no/such"], {}, /the program "\/no\/such" does not exist/],
  ["a directory for a program", ["/tmp"], {}, /the program "\/tmp" may not be executed/],
  ["a directory that is not there", ["/bin/true"], { directory: "/no/such" }, /its directory "\/no\/such" does not exist/],
  ["a file for a directory", ["/bin/true"], { directory: "/etc/passwd" }, /its directory "\/etc\/passwd" is not a directory/],
  [
    "arguments that are too long",
    ["/bin/true", ...Array.from({ length: 40 }, () => "x".repeat(131_000))],
    {},
    /longer than the kernel takes/,
  ],
])("says why %s is not started, and leaves it crashed", async (_, argv, settings, message) => {
  const house = await openHouse();
  await expect(house.instances.start(spec("web", argv, { directory, ...settings }))).rejects.toMatchObject({
    code: "INSTANCE_FAILED",
    message: expect.stringMatching(message) as unknown,
  });
  expect(house.instances.status("web")).toMatchObject({ state: "crashed", pid: null, nextStartAtMs: null });
  await expect(house.instances.wait("web", "running", 10_000)).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
  // Once it is mended, the same instance starts.
  expect(await house.instances.start(shell("web", "exec sleep 3600"))).toMatchObject({ state: "running" });
});

it("tells a missing interpreter from a missing program, and a file that is not executable", async () => {
  const house = await openHouse();
  const place = temporaryDirectory();
  writeFileSync(join(place, "tool"), "#!/no/such/interpreter\n", { mode: 0o755 });
  await expect(house.instances.start(spec("web", ["./tool"], { directory: place }))).rejects.toThrow(
    /the interpreter or loader that it names is not/,
  );
  chmodSync(join(place, "tool"), 0o644);
  await expect(house.instances.start(spec("web", ["./tool"], { directory: place }))).rejects.toThrow(/may not be executed/);
});

it("keeps trying by its policy when the program is gone at a restart", async () => {
  const house = await openHouse();
  const place = temporaryDirectory();
  const program = join(place, "tool");
  writeFileSync(program, "#!/bin/sh\nrm $0\nexit 3\n", { mode: 0o755 });
  await house.instances.start(spec("web", [program], { restart: { delayMs: 0 } }));
  await house.until(({ state, why }) => state === "crashed" && why.includes("does not exist"));
  writeFileSync(program, "#!/bin/sh\nexec sleep 3600\n", { mode: 0o755 });
  const { restarts } = await house.instances.wait("web", "running", 10_000);
  expect(restarts).toBeGreaterThanOrEqual(2);
});

it("refuses a second start, and takes a new spec for one that has ended", async () => {
  const { instances } = await openHouse();
  const first = await instances.start(shell("web", "exec sleep 3600"));
  await expect(instances.start(shell("web", "true"))).rejects.toMatchObject({ code: "INSTANCE_RUNNING" });
  expect(instances.status("web")).toEqual(first);
  await instances.stop("web");
  const second = await instances.start(shell("web", "exec sleep 3601"));
  expect(second.argv).toEqual(["/bin/sh", "-c", "exec sleep 3601"]);
});

it("lets one of two starts at once through", async () => {
  const { instances } = await openHouse();
  const both = await Promise.allSettled([
    instances.start(shell("web", "exec sleep 3600")),
    instances.start(shell("web", "exec sleep 3600")),
  ]);
  expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});

it("joins stops and restarts that come at once, and the last wish holds", async () => {
  const house = await openHouse();
  const { instances } = house;
  const seconds = oddSeconds();
  await instances.start(shell("web", `trap 'exit 0' TERM; while :; do sleep ${seconds}; done`));
  const [one, two] = await Promise.all([instances.restart("web"), instances.restart("web")]);
  expect(one.pid).toBe(two.pid);

  const restarting = instances.restart("web");
  const stopping = instances.stop("web");
  await expect(restarting).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
  expect(await stopping).toMatchObject({ state: "stopped" });
  expect(processesWith(seconds)).toEqual([]);

  await instances.start(shell("web", `exec sleep ${seconds}`));
  const [stopped, , started] = await Promise.all([
    instances.stop("web"),
    instances.stop("web"),
    instances.start(shell("web", `exec sleep ${seconds}`)),
  ]);
  expect(stopped.state).toBe("stopped");
  expect(started.state).toBe("running");
  // One that just becomes another program has no command line for a moment.
  await expect.poll(() => processesWith(seconds)).toHaveLength(1);
});

it("ends as stopped when it is stopped while it starts", async () => {
  const { instances } = await openHouse();
  const seconds = oddSeconds();
  const starting = instances.start(shell("web", `exec sleep ${seconds}`));
  const stopping = instances.stop("web");
  await expect(starting).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
  expect(await stopping).toMatchObject({ state: "stopped", pid: null });
  expect(processesWith(seconds)).toEqual([]);
});

it("counts a clean end as stopped, and stays so", async () => {
  const { instances } = await openHouse();
  await instances.start(shell("task", "exit 0"));
  const status = await instances.wait("task", "stopped", 10_000);
  expect(status).toMatchObject({ state: "stopped", exitCode: 0, why: "ended by itself; ended with status 0" });
});

it("says what can come no more, and what did not come in time", async () => {
  const { instances } = await openHouse();
  await instances.start(shell("task", "exit 7", { restart: { when: "never" } }));
  await expect(instances.wait("task", "stopped", 10_000)).rejects.toMatchObject({
    code: "INSTANCE_FAILED",
    message: expect.stringContaining("ended with status 7") as unknown,
  });
  await expect(instances.wait("task", "ready", 10_000)).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
  await instances.start(shell("web", "exec sleep 3600"));
  await expect(instances.wait("web", "stopped", 5)).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
  await expect(instances.wait("nobody", "ready", 5)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
});

it("removes: stops and forgets", async () => {
  const house = await openHouse();
  const { instances } = house;
  const seconds = oddSeconds();
  await instances.start(shell("web", `exec sleep ${seconds}`));
  const waiting = instances.wait("web", "stopped", 10_000);
  await Promise.all([instances.remove("web"), waiting]);
  expect(processesWith(seconds)).toEqual([]);
  expect(house.removed).toEqual(["web"]);
  expect(instances.list()).toEqual([]);
  expect(() => instances.status("web")).toThrow("There is no instance");
  await expect(instances.stop("web")).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
});

it("starts nothing after it was closed", async () => {
  const { instances } = await openHouse();
  await instances.start(shell("web", "exec sleep 3600"));
  await instances.close(5_000);
  expect(instances.status("web").state).toBe("stopped");
  await expect(instances.start(shell("other", "true"))).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
  await expect(instances.restart("web")).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
});

it("keeps what a program writes with its last breath", async () => {
  const house = await openHouse();
  await house.instances.start(script("task", "process.stdout.write('x'.repeat(300000)); process.stderr.write('end')"));
  await house.instances.wait("task", "stopped", 10_000);
  expect(house.output("task")).toHaveLength(300_003);
});
