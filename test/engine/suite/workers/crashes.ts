import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../../fixtures/engines/processes.ts";
import { CLI_TOOLS, type WorkerStand } from "../../../fixtures/workers/stand.ts";

const YARD = "crashes";

export function crashesSuite(stand: () => WorkerStand): void {
  /** The command lines of what runs in the worker, zombies as `<defunct>`. */
  const processes = async (): Promise<string> => (await stand().exec(YARD, "ps", "-eo", "stat,args")).stdout;

  describe("processes that misbehave", () => {
    beforeAll(async () => void (await stand().must("worker", "start", YARD)));
    afterAll(async () => void (await stand().must("worker", "stop", YARD, "--remove", "--remove-data", YARD)));

    test("a crash loop is called that, and ends", async () => {
      const { begin, status, must } = stand();
      const often = ["--backoff", "5ms", "--max-backoff", "20ms", "--max-restarts", "4", "--restart", "on-failure"];
      await begin(YARD, "loop", ["sh", "-c", "echo again; exit 3"], often);
      const end = await until("its end", async () => {
        const now = await status(YARD, "loop");
        return now.state === "crashed" && now.nextStartAtMs === null && now;
      });
      expect(end).toMatchObject({ crashLoop: true, exitCode: 3, restarts: 4, pid: null });
      expect(await must("worker", "list")).toContain("crash loop");
      expect(await stand().logs(YARD, "loop")).toHaveLength(5);
    });

    test("one that ignores SIGTERM is killed after its grace, and its children with it", async () => {
      const { begin, tools, status } = stand();
      const script = "trap '' TERM; sleep 4711 & echo ready; while :; do sleep 0.1; done";
      await begin(YARD, "deaf", ["sh", "-c", script], ["--grace", "500ms"]);
      await until("its trap", async () => (await stand().logs(YARD, "deaf")).length > 0);
      const startedAt = performance.now();
      await tools(YARD, "process", "stop", "--instance-id", "deaf");
      expect(performance.now() - startedAt).toBeGreaterThan(450);
      expect(await status(YARD, "deaf")).toMatchObject({ state: "stopped", signal: "SIGKILL" });
      expect(await processes()).not.toContain("sleep 4711");
    });

    test("forks that outlive their parents do not outlive the instance, and hold neither its output nor its port", async () => {
      const { begin, status } = stand();
      const server = "require('net').createServer().listen(4712, () => console.log('listens'));setTimeout(()=>{},4714000)";
      const program = `const { spawn } = require("node:child_process");
        spawn("sleep", ["4713"], { detached: true, stdio: "inherit" }).unref();
        const child = spawn(process.execPath, ["-e", ${JSON.stringify(server)}], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
        child.stdout.once("data", () => process.exit(9));`;
      await begin(YARD, "parent", ["node", "-e", program], ["--restart", "never", "--port", "4712"]);
      await until("its end", async () => (await status(YARD, "parent")).state === "crashed");
      const left = await processes();
      expect(left).not.toContain("sleep 4713");
      expect(left).not.toContain("4714000");
      expect(left).not.toMatch(/^Z/m);
      await begin(
        YARD,
        "parent",
        ["node", "-e", `${server};setTimeout(()=>process.exit(0),200)`],
        ["--restart", "never", "--port", "4712"],
      );
      await until("a port that is free again", async () =>
        (await stand().logs(YARD, "parent")).some(({ text }) => text === "listens"),
      );
    });

    test("one that closes its output lives on, and can be stopped", async () => {
      const { begin, status, tools, logs } = stand();
      await begin(YARD, "mute", ["sh", "-c", "echo before; exec >&- 2>&-; while :; do sleep 0.1; done"]);
      await until("its line", async () => (await logs(YARD, "mute")).length > 0);
      const { pid } = await status(YARD, "mute");
      const open = async (): Promise<string> => (await stand().exec(YARD, "ls", `/proc/${pid}/fd`)).stdout;
      await until("its closing", async () => !/^[12]$/m.test(await open()));
      expect(await status(YARD, "mute")).toMatchObject({ state: "running", restarts: 0, pid });
      await tools(YARD, "process", "stop", "--instance-id", "mute");
      expect(await status(YARD, "mute")).toMatchObject({ state: "stopped" });
    });

    test("the environment of the shell that asks, and the worker's token, are not its", async () => {
      const { logs, exec } = stand();
      const start = [...CLI_TOOLS, "process", "start", "--instance-id", "clean", "--restart", "never"];
      await exec(YARD, "env", "SECRET_OF_THE_SHELL=1", ...start, "--", "env");
      const lines = (
        await until("its lines", async () => {
          const found = await logs(YARD, "clean");
          return found.some(({ text }) => text.startsWith("PATH=")) && found;
        })
      ).map(({ text }) => text);
      expect(lines.join("\n")).not.toMatch(/SECRET_OF_THE_SHELL|TOKEN_FILE/);
      expect(lines).toContain(`NOVABOT_WORKER=${YARD}`);
      expect(lines).toContain("NOVABOT_INSTANCE_ID=clean");
    });
  });
}
