import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { processesMarked } from "../../../fixtures/engines/processes.ts";
import { gone, openShell, type Shell } from "./shell.ts";

/** All that have this shell's socket. */
function supervisorsOf(shell: Shell): number[] {
  return processesMarked(["/supervisor.mjs"]).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(shell.socketPath);
    } catch {
      // Another test's, which has just ended.
      return false;
    }
  });
}

describe("a process", () => {
  test("is started with its supervisor, looked at, started again, stopped and forgotten", async () => {
    const shell = await openShell();
    const started = JSON.parse(
      await shell.ok([
        "process",
        "start",
        "-i",
        "one",
        "--env",
        "X=1",
        "--wait",
        "--format",
        "json",
        "--",
        "sh",
        "-c",
        "echo $X $PWD; exec sleep 1000",
      ]),
    );
    expect(started).toMatchObject({
      id: "one",
      state: "running",
      ready: true,
      argv: ["sh", "-c", "echo $X $PWD; exec sleep 1000"],
    });
    expect(await shell.ok(["process", "status", "-i", "one", "--format", "raw"])).toBe("running\n");
    expect(await shell.ok(["process", "list"])).toMatch(/^INSTANCE +STATE .*\none +running \(ready\) +\d+ /);
    const again = JSON.parse(await shell.ok(["process", "restart", "-i", "one", "--format", "json"]));
    expect(again.pid).not.toBe(started.pid);
    await shell.ok(["process", "stop", "-i", "one", "--grace", "5s"]);
    expect(await shell.ok(["process", "wait", "-i", "one", "--for", "stopped", "--format", "raw"])).toBe("stopped\n");
    expect(await shell.ok(["logs", "get", "-i", "one", "--format", "raw"])).toBe(`1 ${shell.directory}\n1 ${shell.directory}\n`);
    await shell.ok(["process", "remove", "-i", "one"]);
    expect(await shell.run(["process", "status", "-i", "one"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("code  INSTANCE_NOT_FOUND"),
    });
  });

  test("that crashes is told so by the exit status", async () => {
    const shell = await openShell();
    await shell.ok(["process", "start", "-i", "bad", "--restart", "never", "--", "sh", "-c", "exit 7"]);
    const waited = await shell.run(["process", "wait", "-i", "bad", "--for", "ready", "--timeout", "10s"]);
    expect(waited).toMatchObject({ code: 1, stderr: expect.stringContaining("code  INSTANCE_FAILED") });
    const status = await shell.run(["process", "status", "-i", "bad"]);
    expect(status.code).toBe(1);
    expect(status.stdout.toString()).toMatch(/^last end +status 7$/m);
    const slow = await shell.run([
      "process",
      "start",
      "-i",
      "slow",
      "--ready-command",
      "false",
      "--wait",
      "--timeout",
      "300ms",
      "--",
      "sleep",
      "1000",
    ]);
    expect(slow).toMatchObject({ code: 1, stderr: expect.stringContaining("code  WAIT_TIMEOUT") });
  });

  test("keeps nothing of the shell that started it", async () => {
    const shell = await openShell();
    const asking = { PWD: "/nowhere", SHLVL: "3", LANG: "C", NODE_OPTIONS: "--title=loud" };
    await shell.run(["process", "start", "-i", "env", "--wait", "--", "env"], asking);
    await shell.ok(["process", "wait", "-i", "env", "--for", "stopped"]);
    const names = (await shell.ok(["logs", "get", "--format", "raw"])).split("\n").map((line) => line.split("=")[0]);
    expect(names).toContain("LANG");
    expect(names).toContain("NODE_OPTIONS");
    expect(names).not.toContain("SHLVL");
    expect(await readFile(`/proc/${(await shell.info()).pid}/cmdline`, "utf8"), "they are not the supervisor's").toContain(
      "supervisor.mjs",
    );
    await shell.run(["process", "start", "-i", "env2", "--wait", "--", "env"], { LATER: "1" });
    await shell.ok(["process", "wait", "-i", "env2", "--for", "stopped"]);
    expect(await shell.ok(["logs", "get", "-i", "env2", "--format", "raw"])).not.toContain("LATER");
  });
});

describe("the supervisor", () => {
  test("is one, although many start it at once, in a session of its own", async () => {
    const shell = await openShell();
    const ids = ["a", "b", "c", "d"];
    const ran = await Promise.all(ids.map((id) => shell.run(["process", "start", "-i", id, "--", "sleep", "1000"])));
    expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual(ids.map(() => [0, ""]));
    expect((await shell.ok(["process", "list", "--format", "raw"])).split("\n").filter(Boolean)).toHaveLength(4);
    const { pid } = await shell.info();
    const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
    expect([stat[2], stat[3]], "its group and its session").toEqual([String(pid), String(pid)]);
    expect(supervisorsOf(shell), "none waits to take its place").toEqual([pid]);
  });

  test("that does not start is told of in its own words", async () => {
    const shell = await openShell();
    const ran = await shell.run(["process", "start", "-i", "a", "--", "true"], { NOVABOT_WORKER_TOKEN: "short" });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("NOVABOT_WORKER_TOKEN must hold 16 to 512 printable");
    expect(ran.stderr).toContain(`at    ${join(shell.directory, "data/supervisor.log")}`);
    expect(ran.stderr).toContain("code  SUPERVISOR_FAILED");
  });

  test("that went away is started again with what it kept", async () => {
    const shell = await openShell();
    await shell.ok(["process", "start", "-i", "old", "--wait", "--", "sleep", "1000"]);
    const { pid } = await shell.info();
    process.kill(pid, "SIGKILL");
    await gone(pid);
    expect(await shell.run(["process", "list"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("SUPERVISOR_NOT_RUNNING"),
    });
    await shell.ok(["process", "start", "-i", "new", "--wait", "--", "sleep", "1000"]);
    await shell.ok(["process", "wait", "-i", "old", "--for", "running"]);
  });
});

describe("a command line", () => {
  test("that is wrong says so and what to do, as text and as JSON", async () => {
    const shell = await openShell();
    for (const args of [
      ["nonsense"],
      ["process", "start", "-i", "a"],
      ["process", "start", "--", "true"],
      ["logs", "get", "--levels", "loud"],
    ]) {
      const { code, stderr } = await shell.run(args);
      expect([args, code]).toEqual([args, 2]);
      expect(stderr).toContain("code  USAGE");
      expect(stderr).toMatch(/^ {2}next {2}See `cli-tools --help`/m);
    }
    const asked = await shell.run(["process", "list", "--format", "json"]);
    expect(JSON.parse(asked.stdout.toString())).toMatchObject({
      error: { code: "SUPERVISOR_NOT_RUNNING", place: shell.socketPath },
    });
    expect((await shell.run(["process"])).code).toBe(2);
  });

  test("has help for each command", async () => {
    const shell = await openShell();
    expect(await shell.ok(["--help"])).toContain("Exit status:");
    for (const [group, names] of Object.entries({
      process: ["start", "stop", "restart", "status", "wait", "list", "remove"],
      errors: ["list", "stats", "clear", "watch"],
      logs: ["get", "list", "stats", "tail", "clear"],
    })) {
      const help = await shell.ok([group, "--help"]);
      for (const name of names) expect(help).toMatch(new RegExp(`^ {2}${name} `, "m"));
    }
    expect(await shell.ok(["process", "start", "--help"])).toContain("--ready-command <command>");
  });
});
