import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { labels } from "../../../../src/engine/spec.ts";
import { checkLive } from "../../../../src/host/check/live.ts";
import { keptByAll, verdictOf } from "../../../fixtures/live-module.ts";
import type { WorkerStand } from "../../../fixtures/workers/stand.ts";

/** With the reasons, so that one that is there is shown. */
const HEALTHY = { terminal: { healthy: true, reason: null }, websocket: { healthy: true, reason: null } } as const;

export function lifeSuite(stand: () => WorkerStand): void {
  const records = async (): Promise<string[]> => await readdir(join(stand().home.host, "workers")).catch(() => []);

  describe("the life of a worker", () => {
    test("start, list, logs, errors, exec, stop, start again, forget", async () => {
      const { must, run, container, home, exec } = stand();
      await mkdir(join(home.root, "workers/web"), { recursive: true });
      const program = `console.log("up", process.env.PORT, process.env.COLOUR); console.error(new TypeError("of glass").stack); setInterval(() => {}, 1000);`;
      await writeFile(join(home.root, "workers/web/main.js"), program);
      await must("worker", "start", "web", "--port", "3000", "--env", "COLOUR=blue", "--memory", "300m", "--", "node", "main.js");
      const [listed] = JSON.parse(await must("worker", "list", "--json")) as Record<string, unknown>[];
      expect(listed).toMatchObject({
        name: "web",
        state: "running",
        instances: [{ id: "app", state: "running", ready: true }],
        health: HEALTHY,
      });
      expect(JSON.stringify(listed)).not.toContain("token");
      // Up is a program that runs; what it says first comes when Node has begun.
      await expect.poll(async () => await must("worker", "logs", "web", "--format", "raw")).toContain("up 3000 blue\n");
      expect(await must("worker", "logs", "web", "--levels", "fatal")).toBe("");
      await expect
        .poll(async () => (JSON.parse(await must("worker", "errors", "web", "--format", "json")) as { groups: unknown[] }).groups)
        .toMatchObject([{ name: "TypeError", message: "of glass", count: 1, instance: "app" }]);
      const result = await run(["worker", "exec", "web", "--", "sh", "-c", "echo out; echo err >&2; id -u; exit 7"]);
      expect(result).toMatchObject({ code: 7, stdout: "out\n1000\n", stderr: "err\n" });

      const plan = JSON.parse(await must("worker", "start", "other", "--explain", "--json", "--", "true")) as {
        container: object;
      };
      expect(plan.container).toMatchObject({ user: { uid: 1000 }, restart: "unless-stopped", network: "default" });
      expect(await container("other")).toBeUndefined();
      expect(await records()).toEqual(["web.json", "web.key"]);

      const before = (await container("web"))?.id;
      expect((await run(["worker", "start", "web"])).code).toBe(2);
      expect((await container("web"))?.id).toBe(before);
      await must("worker", "stop", "web");
      expect(await container("web")).toBeUndefined();
      expect((await run(["worker", "exec", "web", "--", "true"])).stderr).toContain("does not run");
      await must("worker", "start", "web", "--memory", "400m");
      expect((await exec("web", "cat", "/proc/1/environ")).stdout).not.toContain("TOKEN=");
      await expect
        .poll(async () => await must("worker", "logs", "web", "--format", "raw", "--contains", "UP 3000 BLUE"))
        .toBe("up 3000 blue\nup 3000 blue\n");
      await must("worker", "stop", "web", "--remove", "--remove-data", "web");
      expect(existsSync(join(home.data, "workers/web"))).toBe(false);
      expect(existsSync(join(home.root, "workers/web/main.js"))).toBe(true);
      expect((await run(["worker", "logs", "web"])).stderr).toContain("WORKER_NOT_FOUND");
      expect(await records()).toEqual([]);
    });

    test("it keeps the contract, and its token is nowhere but in its file", async () => {
      const { must, home, fixture, container, env, exec, token } = stand();
      await must("worker", "start", "held", "--", "sleep", "1000");
      const report = await checkLive({ paths: [], cwd: home.root, home: home.root, env, engine: fixture.engine });
      expect(report.findings).toEqual([]);
      expect(report.unchecked).toEqual([]);
      for (const rule of keptByAll) expect([rule, verdictOf(report, rule)]).toEqual([rule, "kept"]);
      const secret = await token("held");
      const description = await fixture.engine.observation?.describe((await container("held"))?.id ?? "");
      expect(description).toMatchObject({ restartPolicy: "unless-stopped", ports: [] });
      expect(JSON.stringify(description)).not.toContain(secret);
      const seen = await exec(
        "held",
        "sh",
        "-c",
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; stat -c '%a %u' /workspace/key/token",
      );
      expect(seen.stdout).not.toContain(secret);
      expect(seen.stdout.trimEnd().split("\n").at(-1)).toMatch(/400 1000$/);
      expect((await exec("held", "sh", "-c", "echo x > /workspace/key/token || rm /workspace/key/token")).exitCode).not.toBe(0);
      await must("worker", "stop", "held", "--remove", "--remove-data", "held");
    });

    test("a record that cannot be read hides no other worker", async () => {
      const { must, run, home, container } = stand();
      await must("worker", "start", "good");
      const file = join(home.host, "workers/bad.json");
      await writeFile(file, "{");
      const table = await run(["worker", "list"]);
      expect(table).toMatchObject({ code: 2, stdout: expect.stringMatching(/^bad +unreadable .*\ngood +running /m) as string });
      expect(table.stderr).toContain('note bad: What is kept of the worker "bad" cannot be read');
      expect(table.stderr).toContain(`It is in ${file}. Mend the file`);
      const { code, stdout } = await run(["worker", "list", "--json"]);
      expect([code, JSON.parse(stdout)]).toMatchObject([
        2,
        [
          { name: "bad", state: "unreadable", container: null, instances: [], health: null },
          { name: "good", state: "running", health: { terminal: HEALTHY.terminal } },
        ],
      ]);
      expect(stdout).not.toContain("token");
      // The container of one that runs is named all the same.
      const own = join(home.host, "workers/good.json");
      const text = await readFile(own, "utf8");
      await writeFile(own, "");
      expect(JSON.parse((await run(["worker", "list", "--json"])).stdout)).toMatchObject([
        { name: "bad" },
        { name: "good", state: "unreadable", container: (await container("good"))?.name },
      ]);
      await writeFile(own, text);
      await rm(file);
      await must("worker", "stop", "good", "--remove", "--remove-data", "good");
    });

    test("lines of a process that nobody has seen are not taken for none, and JSON commands no terminal", async () => {
      const { must, run } = stand();
      const program = 'console.log("\\u202eabc"); setInterval(() => {}, 1000)';
      await must("worker", "start", "seen", "--", "node", "-e", program);
      await expect.poll(async () => await must("worker", "logs", "seen")).toContain("abc");
      const unknown = await run(["worker", "logs", "seen", "-i", "ap"]);
      expect(unknown).toMatchObject({ code: 0, stdout: "", stderr: 'No process "ap" has been seen; known: app.\n' });
      const known = await run(["worker", "logs", "seen", "-i", "app", "--json"]);
      expect(known).toMatchObject({ code: 0, stdout: expect.stringContaining('"text": "\\u202eabc"') as string, stderr: "" });
      await must("worker", "stop", "seen", "--remove", "--remove-data", "seen");
    });

    test("one that does not come up leaves nothing behind, and tells why", async () => {
      const { run, home, container } = stand();
      for (const [argv, words] of [
        [["node", "-e", "console.log('last words'); process.exit(3)"], "last words"],
        [["there-is-no-such-program"], "there-is-no-such-program"],
      ] as const) {
        const failed = await run(["worker", "start", "bad", "--", ...argv]);
        expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining(words) as string });
        expect(failed.stderr).toContain("WORKER_FAILED");
        expect(await container("bad")).toBeUndefined();
        expect(existsSync(join(home.root, "workers/bad"))).toBe(false);
        expect(existsSync(join(home.data, "workers/bad"))).toBe(false);
        expect(await records()).toEqual([]);
      }
      const other = await run(["worker", "start", "bad", "--image", stand().fixture.image, "--", "false"]);
      expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("has no supervisor in it") as string });
      expect(await records()).toEqual([]);
      expect((await run(["worker", "start", "bad", "--image", "novabot-none:test"])).stderr).toContain("IMAGE_NOT_FOUND");
    });

    test("names differ in more than their case, and two starts at once make one worker", async () => {
      const { run, must, home, fixture } = stand();
      const both = await Promise.all([run(["worker", "start", "twin"]), run(["worker", "start", "twin"])]);
      expect(both.filter(({ code }) => code === 0)).toHaveLength(1);
      expect(both.filter(({ code }) => code === 2)).toHaveLength(1);
      expect(await fixture.engine.list({ [labels.home]: home.label, [labels.worker]: "twin" })).toHaveLength(1);
      expect((await run(["worker", "start", "TWIN"])).stderr).toContain("in other letters");
      await must("worker", "stop", "twin", "--remove", "--remove-data", "twin");
    });

    test("a link in the place of a worker's directory is not followed", async () => {
      const { run, home } = stand();
      const elsewhere = join(home.root, "elsewhere");
      await mkdir(elsewhere);
      await mkdir(join(home.root, "workers"), { recursive: true });
      await symlink(elsewhere, join(home.root, "workers/trap"));
      const refused = await run(["worker", "start", "trap"]);
      expect(refused.stderr).toContain("HOME_UNSAFE_PATH");
      expect(await records()).toEqual([]);
      await rm(join(home.root, "workers/trap"), { force: true });
    });

    test("clean removes what nobody saw come up, and leaves the others alone", async () => {
      const { must, home, container } = stand();
      await must("worker", "start", "stays");
      await must("worker", "start", "goes");
      const file = join(home.host, "workers/goes.json");
      await writeFile(file, (await readFile(file, "utf8")).replace('"up"', '"starting"'));
      expect(await must("clean")).toContain("novabot-worker-goes-");
      expect(await container("goes")).toBeUndefined();
      expect((await container("stays"))?.running).toBe(true);
      const views = JSON.parse(await must("worker", "list", "--json")) as { name: string; state: string }[];
      expect(views.map(({ name, state }) => [name, state])).toEqual([
        ["goes", "stopped"],
        ["stays", "running"],
      ]);
      for (const name of ["stays", "goes"]) await must("worker", "stop", name, "--remove", "--remove-data", name);
    });

    test("without a network it reaches nothing, and is reached by who may enter it", async () => {
      const { must, tools, exec } = stand();
      await must("worker", "start", "alone", "--network", "none", "--", "sh", "-c", "echo here; sleep 1000");
      expect(await tools("alone", "process", "list", "--format", "json")).toContain('"running"');
      const views = JSON.parse(await must("worker", "list", "--json")) as { name: string; door: string | null; health: object }[];
      expect(views).toMatchObject([{ name: "alone", door: null, health: HEALTHY }]);
      await expect.poll(async () => await must("worker", "logs", "alone", "--format", "raw")).toBe("here\n");
      expect((await exec("alone", "ls", "/proc/sys/net/ipv4/conf")).stdout.split("\n")).not.toContain("eth0");
      await must("worker", "stop", "alone", "--remove", "--remove-data", "alone");
    });

    test("from a network that is not the engine's it is reached all the same, and nobody else is taken for it", async () => {
      const { home, must, runOutside } = stand();
      const outside = async (...args: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await runOutside(args);
        if (code !== 0) throw new Error(`novabot ${args.join(" ")} ended with ${code}: ${stderr}`);
        return stdout;
      };
      await outside("worker", "start", "far", "--", "sh", "-c", "echo far; sleep 1000");
      const [view] = JSON.parse(await outside("worker", "list", "--json")) as { health: object }[];
      expect(view?.health).toEqual(HEALTHY);
      await expect.poll(async () => await outside("worker", "logs", "far", "--format", "raw")).toBe("far\n");
      expect((await runOutside(["worker", "terminal", "far"], "exit 6\n")).code).toBe(6);
      await must("worker", "stop", "far", "--remove", "--remove-data", "far");
      expect(existsSync(join(home.host, "workers/far.json"))).toBe(false);
    });
  });
}
